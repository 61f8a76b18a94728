"""A model that is closed gives back its memory."""

import gc
import weakref
from pathlib import Path

from hn_assets.encoding.lazy_model import LazyModel
from hn_assets.settings.compute import ComputeSettings
from hn_assets.settings.encoding import EncodingSettings


def test_the_weights_are_gone_when_a_model_is_closed(model: Path) -> None:
    settings = EncodingSettings(model=str(model), pooling="mean")
    gc.disable()  # so that nothing but closing it lets it go
    try:
        with LazyModel(settings, ComputeSettings(device="cpu"), lambda line: None) as lazy:
            lazy.encoder().encode(["a text"], "passage")
            network = lazy.encoder().model.embedder.model
            assert network is not None
            weights = weakref.ref(next(network.parameters()))
            del network
            assert weights() is not None
        assert weights() is None
    finally:
        gc.enable()
