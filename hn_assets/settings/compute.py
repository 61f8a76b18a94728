"""The YAML section `compute`: which device computes, in which precision, and where FAISS runs."""

from typing import ClassVar, Literal

from pydantic import Field, model_validator
from typing_extensions import Self

from hn_assets.settings_base import Settings

LOCAL, AUTO, DAGSTER = "local", "auto", "dagster"
SINGLE_DEVICES = ("mps", ":", ",")  # in `device`, if it names devices of this machine


class RaySettings(Settings):
    """Which cluster of Ray computes, and how its nodes are shared."""

    address: str = Field(
        default=LOCAL,
        min_length=1,
        description=(
            "`local`: Ray is started on this machine, for as long as a step runs; `auto`: the "
            "cluster that `RAY_ADDRESS` names, as in a job of Ray, or else the one that this "
            "machine is a node of; `host:6379`: a cluster that this machine is a node of; "
            "`ray://host:10001`: any cluster, through Ray's client; `dagster`: that of the "
            "resource `ray` of the project's definitions, one of dagster-ray's"
        ),
    )
    cpus_per_worker: int | None = Field(
        default=None,
        ge=1,
        description=(
            "how many cores a worker has; default: all that its node has, and one for a worker "
            "with a card. There is a worker for each card of a cluster; if it has none, there are "
            "as many workers on each node as its cores allow"
        ),
    )

    mining_from_queries: int = Field(
        default=250_000,
        ge=1,
        description=(
            "from how many queries on the nodes mine, too (`hard_negatives`, and the shortlist of "
            "a teacher): they are sent the vectors, and the index if queries may be searched "
            "deeper. Fewer are mined before nodes are ready. With `address: dagster`, "
            "`hard_negatives` uses the resource only if this is set"
        ),
    )


class ComputeSettings(Settings):
    """Which devices encode and search, and how."""

    changeable_by_runs: ClassVar[tuple[str, ...]] = (
        "device",
        "precision",
        "compile",
        "max_tokens_per_batch",
        "faiss_device",
    )

    device: str = Field(
        default="auto",
        description=(
            "`auto` (every CUDA card that PyTorch can use, else Apple's mps, else the CPU), `cpu`, "
            "`mps`, `cuda` (every card), `cuda:1`, or several with commas between: `cuda:0,cuda:1`"
        ),
    )
    precision: Literal["auto", "float32", "tf32", "bfloat16", "float16"] = Field(
        default="auto",
        description=(
            "of the encoder's weights and arithmetic; `auto`: bfloat16 if the hardware computes "
            "in it (CPUs with AMX or AVX512-BF16, cards from Ampere on), float16 on cards of the "
            "generation Turing, such as the T4, float32 on all other hardware; with several "
            "devices, the fastest that all of them compute in. `tf32`: weights in float32, "
            "multiplied with 10 bits of fraction, on cards from Ampere on. What vectors are "
            "stored in is `encoding.stored_precision`. For vectors that differ between machines "
            "by rounding alone, set float32"
        ),
    )
    compile: bool = Field(
        default=False,
        description=(
            "run the encoder through `torch.compile`, which takes 20 to 60 s first and a C "
            "compiler; if it fails, the encoder runs without. On a card it was slower than texts "
            "laid end to end (docs/benchmarks.md). Texts are padded then, and vectors "
            "are kept apart from those that were computed without"
        ),
    )
    max_tokens_per_batch: int | None = Field(
        default=None,
        ge=1,
        description=(
            "tokens computed at once, padding counted; default 4,096 on a CPU, 65,536 on a GPU. "
            "Changes speed and memory, and vectors by rounding alone (about 1e-7, on some CPUs). "
            "A vector that is stored is kept, whatever this is set to"
        ),
    )
    faiss_device: Literal["auto", "cpu", "gpu"] = Field(
        default="auto",
        description=(
            "the device that FAISS searches on; `gpu`: all cards, the index spread over them, "
            "`Flat` in float16; `auto`: the GPU if faiss-gpu and a card are present. What cannot "
            "run on the GPU runs on the CPU with a warning and a note in the metadata"
        ),
    )
    engine: Literal["in_process", "ray"] = Field(
        default="in_process",
        description=(
            "`ray`: encoding, an exact search, a teacher, the training of `fine_tuned_model`, and "
            "mining if there are many queries, run on the nodes of a cluster of Ray (section "
            "`ray`); needs the extra ray"
        ),
    )
    ray: RaySettings = Field(
        default_factory=RaySettings, description="the cluster that `engine: ray` computes on"
    )

    @model_validator(mode="after")
    def _check_engine(self) -> Self:
        if self.engine == "ray" and any(part in self.device for part in SINGLE_DEVICES):
            raise ValueError(
                f"device {self.device!r} names devices of this machine, and with engine: ray the "
                f"nodes of a cluster compute; set device to auto, cuda or cpu"
            )
        return self
