"""The gate lets no partition run ahead into the next phase, and lets contracts and billing go before usage."""

from connectors.gate import Gate


def gate(in_turn=False, **phases):
    """A gate whose partitions will be in these phases next; each named after what it carries."""
    made = Gate(in_turn)
    for source, phase in phases.items():
        made.join(source, ("contracts", "billing", "usage").index(source.rstrip("0123456789")))
        if phase is not None:
            made.at(source, phase)
    return made


def test_a_partition_alone_may_always_go():
    assert gate(usage=7).may_go("usage")


def test_partitions_of_one_phase_go_side_by_side():
    made = gate(usage1=3, usage2=3)
    assert [True, True] == [made.may_go("usage1"), made.may_go("usage2")]


def test_nobody_goes_into_a_phase_while_another_is_behind():
    made = gate(usage1=1, usage2=0)
    assert [False, True] == [made.may_go("usage1"), made.may_go("usage2")]
    made.at("usage2", 1)
    assert made.may_go("usage1")


def test_nobody_goes_while_another_has_not_said_its_phase():
    assert not gate(usage1=0, usage2=None).may_go("usage1")


def test_inside_a_phase_usage_waits_for_contracts():
    made = gate(usage=2, contracts=2)
    assert [False, True] == [made.may_go("usage"), made.may_go("contracts")]


def test_inside_a_phase_billing_goes_between_contracts_and_usage():
    made = gate(usage=2, contracts=2, billing=2)
    assert [False, True, False] == [made.may_go(one) for one in ("usage", "contracts", "billing")]
    made.ended("contracts")
    assert [False, True] == [made.may_go(one) for one in ("usage", "billing")]


def test_contracts_do_not_wait_for_usage_of_their_phase_and_wait_for_that_of_an_earlier_one():
    assert gate(usage=2, contracts=2).may_go("contracts")
    assert not gate(usage=1, contracts=2).may_go("contracts")


def test_a_partition_that_has_ended_holds_nobody_back():
    made = gate(usage1=5, usage2=0)
    made.ended("usage2")
    assert made.may_go("usage1")


def test_the_one_that_is_furthest_behind_may_always_go():
    made = gate(usage1=4, usage2=2, contracts=3)
    assert ["usage2"] == [source for source in ("usage1", "usage2", "contracts") if made.may_go(source)]


def test_of_an_input_that_does_not_end_usage_waits_for_one_batch_of_contracts():
    made = gate(in_turn=True, usage=2, contracts=2)
    assert not made.may_go("usage")
    made.goes("contracts")
    assert made.may_go("usage")
    made.goes("usage")
    assert not made.may_go("usage")
    made.goes("contracts")
    assert made.may_go("usage")


def test_of_an_input_that_does_not_end_nobody_goes_into_a_phase_while_another_is_behind():
    made = gate(in_turn=True, usage=2, contracts=1)
    made.goes("contracts")
    assert not made.may_go("usage")


def test_inside_its_phase_nobody_waits_for_one_that_cannot_be_read_for_now():
    made = gate(usage=0, contracts=None)
    assert not made.may_go("usage")
    made.stalled("contracts", 0)
    assert [True, True] == [made.waits, made.may_go("usage")]
    made.at("usage", 1)
    assert not made.may_go("usage")  # what decides the next phase may be among what cannot be read


def test_one_that_can_be_read_again_has_its_turn_again():
    made = gate(usage=0, contracts=None)
    made.stalled("contracts", 0)
    made.at("contracts", 0)
    assert [False, False] == [made.waits, made.may_go("usage")]
