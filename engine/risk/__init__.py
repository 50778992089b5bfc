"""The risk score: its ledger, each merchant's account, and the explanation of a change."""
