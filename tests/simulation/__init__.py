"""Ring R1, the seeded simulation: the real dataflow in one process, and one seed that decides everything else.

Real here: source partitions, gate and timeline, split, shards with all of their parts, outbox, the checks at a run's start
(ops.job), the state directory with its lock and generation, the file sink, the Kafka sink. Simulated: the log, RocksDB
(store.py; test_store.py holds it to the real one), the broker that the sink talks to, what a power cut takes from files, the
wall clock, and Bytewax: the driver (life.py) gives the same objects the calls that Bytewax's contract allows, in an order
drawn from the seed. A part of the lives goes through the real Bytewax (its clock decides when who waits is asked again, so
that those are not the seed's alone), and test_contract.py holds the driver to what Bytewax was seen to do.

plan.py draws, machine.py is the world and its moments to die, simulation.py goes from life to life, judge.py says what must
hold, by an undisturbed run of the same feed; a fifth of the seeds is judged by the oracle, too. test_sabotage.py: builds that
are broken on purpose are caught. kept_seeds.txt: seeds that once found something. `python -m tests.simulation SEED` does one
again, `python -m tests.campaign simulation --seeds 1-10000` many.

R0, what holds of pure code, lives elsewhere:
  order, batches, shards, growth, replay from zero   tests/properties/test_feeds.py, test_order.py, test_late_arrival.py
  money, allocation, recognition, sums and digest    tests/accounting/test_money.py, test_allocation.py, test_books.py,
                                                     test_recognition_properties.py
  amendments in any order, backdated, credits        tests/accounting/test_modification_properties.py,
                                                     test_ledger_properties.py, tests/properties/test_contract_feeds.py
  identities: duplicates, conflicts, the horizon     tests/state/test_seen.py
  truncated, oversized, deep, non-UTF-8 bytes        tests/schemas, tests/support/feed.py (GARBAGE), tests/ops/test_bad_records.py
  schema evolution both ways                         tests/schemas/test_compatibility.py
  time zones and daylight saving                     tests/accounting/test_calendar.py
"""
