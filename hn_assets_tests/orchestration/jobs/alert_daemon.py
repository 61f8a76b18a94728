"""The part of Dagster's daemon that evaluates the alert sensors, in the process of a test."""

import dagster as dg

from hn_assets.orchestration.build import build_definitions
from hn_assets_tests.assets.animals_dataset import AnimalsDataset


class Daemon:
    """Evaluates the alert sensors of some datasets as the daemon does, with their cursors."""

    def __init__(self, instance: dg.DagsterInstance, *graphs: AnimalsDataset) -> None:
        self.instance = instance
        definitions = dg.Definitions.merge(*(build_definitions(g.dataset) for g in graphs))
        self.repository = definitions.get_repository_def()
        self.sensors = [s for s in self.repository.sensor_defs if not s.name.endswith("_changes")]
        self.cursors: dict[str, str | None] = {}
        self.tick()

    def tick(self) -> list[str]:
        """What each sensor says at its next tick."""
        said: list[str] = []
        for sensor in self.sensors:
            context = dg.build_sensor_context(
                self.instance, self.cursors.get(sensor.name), repository_def=self.repository
            )
            found = sensor.evaluate_tick(context)
            self.cursors[sensor.name] = found.cursor or self.cursors.get(sensor.name)
            said.append(found.skip_message or "")
        return said

    def run(self, dataset: str, job: str = "refresh") -> dg.ExecuteInProcessResult:
        definition = self.repository.get_job(f"{dataset}_{job}")
        return definition.execute_in_process(instance=self.instance, raise_on_error=False)


def break_the_corpus(graph: AnimalsDataset) -> bytes:
    path = graph.folder / "raw" / "corpus.jsonl"
    good = path.read_bytes()
    path.write_text("no JSON\n")
    return good
