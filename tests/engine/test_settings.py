"""Config: every documented variable, its default, and all mistakes at once."""

from __future__ import annotations

import pytest

from snapshot_engine import Config, ConfigError
from snapshot_engine.settings import settings

DOCUMENTED = {
    "ENABLE_MEMORY_MONITORING": ("enable_memory_monitoring", "false", False),
    "MEMORY_LIMIT_MB": ("memory_limit_mb", "1024", 1024),
    "STREAMING_THRESHOLD_MB": ("streaming_threshold_mb", "5", 5),
    "GC_FREQUENCY": ("gc_frequency", "500", 500),
    "ENABLE_MEMORY_PROFILING": ("enable_memory_profiling", "true", True),
    "MAX_FILE_SIZE": ("max_file_size", "52428800", 50 * 2**20),
    "CHUNK_SIZE": ("chunk_size", "250", 250),
    "CHUNK_OVERLAP": ("chunk_overlap", "50", 50),
    "SPACY_MODEL": ("spacy_model", "en_core_web_sm", "en_core_web_sm"),
    "NER_RUNTIME": ("ner_runtime", "rules", "rules"),
}


@pytest.mark.parametrize(("variable", "about"), DOCUMENTED.items())
def test_a_variable_sets_its_attribute_and_nothing_else(
    variable: str, about: tuple[str, str, object]
) -> None:
    attribute, text, value = about
    config = Config.from_env({variable: text})
    assert getattr(config, attribute) == value
    untouched = Config()
    for name in settings():
        if name != attribute:
            assert getattr(config, name) == getattr(untouched, name)


def test_every_setting_is_a_documented_variable() -> None:
    assert {s.variable for s in settings().values()} == set(DOCUMENTED)


def test_an_empty_environment_gives_the_defaults() -> None:
    assert Config.from_env({}) == Config()
    assert Config.from_env({"CHUNK_SIZE": "  "}) == Config()


def test_no_file_is_too_large_by_default() -> None:
    """Files over 50 MB are a documented tier."""
    assert Config().max_file_size is None


def test_all_mistakes_are_reported_together() -> None:
    environ = {"CHUNK_SIZE": "many", "GC_FREQUENCY": "-1", "NER_RUNTIME": "magic", "MEMORY_LIMIT_MB": "nan"}
    with pytest.raises(ConfigError) as caught:
        Config.from_env(environ)
    assert len(caught.value.mistakes) == 4
    for variable, text in environ.items():
        assert any(variable in mistake and text in mistake for mistake in caught.value.mistakes)


def test_it_is_a_value_error_too() -> None:
    with pytest.raises(ValueError, match="CHUNK_SIZE"):
        Config.from_env({"CHUNK_SIZE": "0"})


def test_attributes_are_assignable_as_the_document_shows() -> None:
    config = Config()
    config.enable_memory_monitoring = True
    config.memory_limit_mb = 1024
    config.streaming_threshold_mb = 10
    config.validate()
    config.chunk_size = 0
    with pytest.raises(ConfigError, match="CHUNK_SIZE=0"):
        config.validate()
