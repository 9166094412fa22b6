import { spawn } from 'node:child_process';
import { openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { EXAMPLE_ROLE } from './example.ts';
import { type ClusterState, readState, type StateFiles } from './state.ts';

/**
 * Starts the cluster in the background if it is not running, shows the progress, and explains its use.
 * Returns the exit code.
 *
 * @param program the file that serves the cluster when it is started with "serve"
 */
export async function up(files: StateFiles, program: string, say: (line: string) => void): Promise<number> {
	let state = readState(files);
	if (state?.ready === undefined) {
		if (state === undefined) start(files, program);
		state = await follow(files, say);
	}
	if (state?.ready === undefined) {
		say(`The cluster did not start; its log: ${files.log}`);
		return 1;
	}
	say(guide(state.ready));
	return 0;
}

function start(files: StateFiles, program: string): void {
	const log = openSync(files.log, 'w', 0o600);
	const child = spawn(process.execPath, [program, 'serve', files.folder], {
		detached: true,
		stdio: ['ignore', log, log],
	});
	child.unref();
}

/** Prints new lines of the log until the cluster is up or its process has ended. */
async function follow(files: StateFiles, say: (line: string) => void): Promise<ClusterState | undefined> {
	let lineCount = 0;
	const show = (): void => {
		const lines = readFileSync(files.log, 'utf8').split('\n').slice(0, -1);
		for (const line of lines.slice(lineCount)) say(line);
		lineCount = lines.length;
	};
	// The process needs a moment to write its state.
	for (let grace = 50; ; grace -= 1) {
		show();
		const state = readState(files);
		if (state?.ready !== undefined || (state === undefined && grace <= 0)) return state;
		if (state !== undefined) grace = 0;
		await sleep(200);
	}
}

function guide(ready: NonNullable<ClusterState['ready']>): string {
	const { kubeconfig, bin, vaultAddr, vaultInside, vaultCaFile, vaultToken, prefix, logs } = ready;
	return `
The cluster is up: one node with Envtier installed, and an OpenBao beside it. Your own kubeconfig is as it was.

  export KUBECONFIG=${kubeconfig}${bin === undefined ? '' : `\n  export PATH="${bin}:$PATH"`}
  kubectl get pods -A

An application in the namespace shop has its secrets from three tiers:

  kubectl -n shop logs deployment/web -c main            # what it did with them
  kubectl -n shop logs deployment/web -c envtier-fetch   # which key came from which tier
  kubectl -n shop get pod -l app=web -o yaml             # what was injected
  kubectl -n shop exec deployment/web -c main -- cat /secrets/env

A typo is refused; a pod without annotations is left alone:

  kubectl -n shop run typo --image=localhost/busybox:1 --annotations=envtier.dev/sevrice=web
  kubectl run hello --image=localhost/busybox:1 --restart=Never -- echo hello

OpenBao (for pods: ${vaultInside}) was set up by deploy/vault/setup.sh. Change a secret and start anew:

  export VAULT_ADDR=${vaultAddr} VAULT_CACERT=${vaultCaFile} VAULT_TOKEN=${vaultToken}
  bao kv put secret/deployments/shop/secrets/LOG_LEVEL value=debug
  kubectl -n shop rollout restart deployment/web

What let the application in. The webhook logs pods in to the role NAMESPACE_ACCOUNT:

  deploy/vault/setup.sh ${EXAMPLE_ROLE.join(' ')}

The secrets API runs as well (envtier-system); docs/tutorial.md goes on from here.

Inside the node:  ${prefix.join(' ')} sh
Logs:             ${logs}/*.log
Take it away:     make cluster-down
`;
}
