"""`lienthong bench …`: what is measured, and what with."""

from __future__ import annotations

import typer

from hub.cli import bench, bench_polling, bench_recipients, bench_rows, bench_signatures

benches = typer.Typer()
benches.callback(invoke_without_command=True)(bench.bench)
benches.command("polling")(bench_polling.polling)
benches.command("recipients")(bench_recipients.recipients)
benches.command("rows")(bench_rows.rows)
benches.command("signatures")(bench_signatures.signatures)
