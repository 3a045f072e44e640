"""Policies as control records decide them: taken or refused with a reason, kept over a restart, and cutting windows."""

from accounting.window import Windows, WindowSize
from tests.dataflows.stores import Parts
from tests.support.timeline import micros

JAN, FEB = micros("2025-01-01"), micros("2025-02-01")


def test_a_decision_is_taken_and_holds_from_its_date_on(parts):
    assert parts.policies.decide("carry", "yes", FEB, 3) is None
    policies = parts.policies.policies
    assert [("no", None), ("yes", 3)] == [policies.decided("carry", at) for at in (FEB - 1, FEB)]


def test_what_is_refused_changes_nothing_and_is_not_kept(parts):
    assert "policy 'colour' is not known" in (parts.policies.decide("colour", "red", FEB, 0) or "")
    assert "policy carry has no value 'often'" in (parts.policies.decide("carry", "often", FEB, 1) or "")
    parts.store.commit()
    assert "no" == parts.reopen().policies.policies.value("carry", FEB)


def test_decisions_are_there_after_a_restart_in_their_order(parts):
    for offset, (value, since) in enumerate((("yes", FEB), ("no", FEB), ("yes", JAN))):
        parts.policies.decide("carry", value, since, offset)
    parts.store.commit()
    found = parts.reopen().policies.policies
    assert [("no", None), ("yes", 2), ("no", 1)] == [found.decided("carry", at) for at in (JAN - 1, JAN, FEB)]


def test_windows_are_those_of_the_settings_until_a_policy_says_another_size(tmp_path):
    parts = Parts(tmp_path / "shard", window=WindowSize.MONTH)
    assert Windows("Asia/Tokyo", WindowSize.MONTH) == parts.policies.windows("Asia/Tokyo")
    parts.policies.decide("usage_window", "hour", FEB, 0)
    changes = ((FEB, WindowSize.HOUR),)
    assert Windows("Asia/Tokyo", WindowSize.MONTH, changes) == parts.policies.windows("Asia/Tokyo")
    assert Windows("UTC", WindowSize.MONTH, changes) == parts.policies.windows("UTC")
    assert "month" == parts.policies.policies.value("usage_window", JAN)
    parts.store.close()


def test_the_same_size_again_cuts_no_window(parts):
    for offset, (value, since) in enumerate((("day", JAN), ("hour", FEB), ("hour", FEB + 7), ("day", FEB + 9))):
        parts.policies.decide("usage_window", value, since, offset)
    changes = ((FEB, WindowSize.HOUR), (FEB + 9, WindowSize.DAY))
    assert changes == parts.policies.windows("UTC").changes


def test_what_has_no_entity_is_cut_by_the_zone_of_the_settings(tmp_path):
    parts = Parts(tmp_path / "shard", zone="Asia/Tokyo")
    assert "Asia/Tokyo" == parts.policies.default_zone
    parts.store.close()
