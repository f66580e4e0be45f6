"""Getting an account back whose second factor is lost: cases, their evidence, two operators, a delay and a veto."""
