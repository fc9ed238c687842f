"""The invariants, checked by code that shares nothing with the code it judges.

`checker.py` makes one pass over the log and hands each event to the checks of its aggregate:

    log.py         gapless-positions · time-never-back · contiguous-versions · times-agree
    commands.py    receipts-agree · times-agree · money-conserved · one-session-per-order ·
                   one-restore-per-debit · one-use-per-quote · payees-agree
    sessions.py    legal-transitions · on-time · one-payment · money-conserved · payees-agree
    wallets.py     money-conserved · one-top-up-per-reference · payees-agree
    orders.py      one-session-per-order
    clock.py       time-never-back
    books.py       books-balance · never-negative · postings-agree
    refunds.py     refunds-within-paid · refund-shares
    attempts.py    one-open-attempt · suspense-explained · receivable-explained
    payables.py    credits-counted · debits-within-credits · one-restore-per-debit
    payouts.py     legal-payouts
    static_codes.py  codes-as-issued · one-session-per-payer
    fx_quotes.py   quotes-recomputed · one-use-per-quote · money-conserved
    fees.py        fees-by-plan
    refusals.py    refusals-bounded · refusals-lawful
    checker.py     known-topics

Beside the pass, each against what the pass found:

    head.py         head-agrees
    read_models.py  rows-equal-the-fold
    snapshots.py    snapshots-equal-the-fold
    notices.py      notices-complete · one-answer-per-key

Sessions, orders, wallets and accounts are tracked in tables of their own, so that a bug in an
aggregate cannot hide itself here. Used by the tests, the simulation, the chaos runs and
`qrledger audit check`.
"""
