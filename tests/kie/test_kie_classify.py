"""KIE's failure texts, as collected from live traffic."""

from __future__ import annotations

import pytest

from bot.domain import FailureKind
from bot.kie.classify import failure_kind, is_unknown_model

POLICY, INPUT, BUSY, PROVIDER = FailureKind.POLICY, FailureKind.INPUT, FailureKind.BUSY, FailureKind.PROVIDER


@pytest.mark.parametrize(
    ("text", "code", "kind"),
    [
        ("We currently do not support uploads of images containing photorealistic people.", "", POLICY),
        ("This content may violate our guardrails concerning similarity to third-party content.", "", POLICY),
        ("This content may violate our guardrails around nudity.", "500", POLICY),
        ("Invalid prompt: prompt contains prohibited content", "422", POLICY),
        ("Your prompt was flagged by Website as violating content policies", "400", POLICY),
        ("", "sora_content_violation", POLICY),
        ("Generation failed", "SORA_CONTENT_VIOLATION", POLICY),
        ("image fetch failed", "500", INPUT),
        ("Failed to download the image", "", INPUT),
        ("post is null", "", INPUT),
        ("prompt is required", "500", INPUT),
        ("duration is not within the range of allowed options", "", INPUT),
        ("whatever", "422", INPUT),
        ("The video is not ready, server is busy", "", BUSY),
        ("Rate limit exceeded", "", BUSY),
        ("Invalid response from a third-party service", "500", PROVIDER),
        ("prompt exceeds the maximum length", "", INPUT),
        ("server is busy", "", BUSY),
        ("The call frequency is too high, please try again later", "", BUSY),
        ("Upstream timed out", "408", BUSY),
        ("Server exception, please try again later", "500", PROVIDER),
        ("internal error, please try again later.", "500", PROVIDER),
        ("Generation failed", "501", PROVIDER),
        ("Model not found", "422", PROVIDER),
        ("This interface is temporarily paused.", "500", PROVIDER),
        ("", "", PROVIDER),
    ],
)
def test_a_failure_text_is_understood(text: str, code: str, kind: FailureKind) -> None:
    assert failure_kind(text, code) is kind


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("The model name you specified is not supported. Please check the documentation.", True),
        ("Model not found", True),
        ("model sora-2-text-to-video is not supported", True),
        ("Unknown model", True),
        ("aspect_ratio 3:2 is not supported by this model", False),
        ("This model does not support an end frame", False),
        ("The image format is not supported", False),
    ],
)
def test_a_model_that_is_gone_is_told_from_an_option_that_it_lacks(text: str, unknown: bool) -> None:
    assert is_unknown_model(text) is unknown
