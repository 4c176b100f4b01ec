"""Submit an experiment over HTTP and follow it to its result, as any client would."""

import json
import time
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

SHOWN_FIRST = ("l2_error", "l1_error", "sup_error", "test_l2_error", "test_accuracy", "test_loss", "train_loss")


def submit(client: httpx.Client, path: Path) -> dict[str, Any]:
    """POST the file's experiment and return it; raise click-friendly SystemExit on a refusal."""
    reply = client.post("/v1/experiments", content=path.read_bytes(), headers={"Content-Type": "application/json"})
    if reply.status_code not in (200, 202):
        problems = "\n".join(
            f"  {fault.get('pointer', '')}: {fault['detail']}" for fault in reply.json().get("errors", [])
        )
        raise SystemExit(f"{path} was refused ({reply.status_code} {reply.json().get('title')}):\n{problems}")
    experiment: dict[str, Any] = reply.json()
    return experiment


def follow(client: httpx.Client, experiment: dict[str, Any], console: Console) -> dict[str, Any]:
    """Show progress until the experiment is terminal, and return it as it then is."""
    url = f"/v1/experiments/{experiment['id']}"
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("queued", total=None)
        while not experiment["is_terminal"]:
            progress = client.get(f"{url}/progress").json()
            bar.update(
                task,
                description=progress.get("phase") or experiment["status"],
                total=progress.get("total") or None,
                completed=progress.get("completed") or 0,
            )
            time.sleep(0.2)
            experiment = client.get(url).json()
        total = bar.tasks[0].total or 1
        bar.update(task, description=experiment["status"], total=total, completed=total)
    return experiment


def show(client: httpx.Client, experiment: dict[str, Any], console: Console) -> None:
    """Print the errors, the experiment's address and where its pictures are."""
    base = f"{client.base_url}".rstrip("/")
    console.print(f"\n[bold]{experiment['name'] or experiment['id']}[/bold]: {experiment['status']}", highlight=False)
    if experiment["status"] != "succeeded":
        console.print(f"  {experiment['status_reason']}: {experiment.get('status_detail') or ''}")
    names = [name for name in SHOWN_FIRST if name in experiment["metrics"]]
    for name in names + sorted(set(experiment["metrics"]) - set(names)):
        value = experiment["metrics"][name]["last"]
        where = "test " if name in ("l1_error", "l2_error", "sup_error") else ""
        console.print(f"  {where}{name} = {json.dumps(value)}", highlight=False)
    console.print(f"  experiment  {base}/v1/experiments/{experiment['id']}", highlight=False, soft_wrap=True)
    for plot in ("loss", "fit", "probes"):
        address = f"{base}/v1/experiments/{experiment['id']}/plots/{plot}.svg"
        if client.get(address).status_code == 200:
            console.print(f"  {plot} plot   {address}", highlight=False, soft_wrap=True)
