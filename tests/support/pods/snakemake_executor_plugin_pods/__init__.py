"""An executor of Snakemake for tests: the very command that a pod of Kubernetes would run, in an empty folder.

What a pod has is in its image and in its environment; all else, the Snakefile too, it gets from the object store.
"""

import json
import os
import subprocess
import tempfile
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import snakemake_executor_plugin_kubernetes as kubernetes
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor
from snakemake_interface_executor_plugins.settings import ExecutorSettingsBase


@dataclass
class ExecutorSettings(ExecutorSettingsBase):
    root: str = field(default="", metadata={"help": "where folders of pods are made", "required": True})


# But that a pod would also ask a package index for the storage plugins, which the image has.
common_settings = replace(kubernetes.common_settings, auto_deploy_default_storage_provider=False)
# As the image has it: the project is no installed package there.
IMAGE = {"PATH", "HOME", "LANG", "OMP_WAIT_POLICY"}


class Executor(RemoteExecutor):
    def run_job(self, job: Any) -> None:
        folder = tempfile.mkdtemp(dir=self.workflow.executor_settings.root)
        asked = {name: str(value) for name, value in dict(job.resources).items()}
        Path(f"{folder}.json").write_text(json.dumps(asked))
        environment = {name: value for name, value in os.environ.items() if name in IMAGE}
        process = subprocess.Popen(
            ["/bin/sh", "-c", self.format_job_exec(job)],
            cwd=folder,
            env=environment | self.envvars() | {"PYTHONPATH": "src"},
        )
        self.report_job_submission(SubmittedJobInfo(job=job, external_jobid=str(process.pid), aux={"pod": process}))

    async def check_active_jobs(self, active_jobs: list[SubmittedJobInfo]) -> AsyncGenerator[SubmittedJobInfo, None]:
        for info in active_jobs:
            code = info.aux["pod"].poll()
            if code is None:
                yield info
            elif code == 0:
                self.report_job_success(info)
            else:
                self.report_job_error(info)

    def cancel_jobs(self, active_jobs: list[SubmittedJobInfo]) -> None:
        for info in active_jobs:
            info.aux["pod"].kill()
