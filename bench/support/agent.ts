import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { OpenBao } from '../../test/support/openbao.ts';
import { type RunningProcess, startProcess } from '../../test/support/process.ts';

/** Where and how a `bao agent` runs. */
interface AgentPlace {
	/** Its directory; it writes `env` there. */
	readonly dir: string;
	/** The configuration of `makeSurroundings`. */
	readonly agentFile: string;
	/** The mount at which it logs in. */
	readonly mount: string;
	/** OpenBao, or a proxy in front of it. */
	readonly addr: string;
	/** Seconds after which it renders static secrets again. */
	readonly period: number;
}

/** Starts a `bao agent` as a sidecar: it stays, and renders its secrets again after each period. */
export async function startAgent(
	bao: OpenBao,
	{ dir, agentFile, mount, addr, period }: AgentPlace,
): Promise<RunningProcess> {
	const file = join(dir, 'agent.json');
	const once = JSON.parse(readFileSync(agentFile, 'utf8'));
	const [method] = once.auto_auth.method;
	const config = {
		...once,
		vault: { ...once.vault, address: addr },
		exit_after_auth: false,
		auto_auth: { method: [{ ...method, mount_path: `auth/${mount}` }] },
		template: once.template.map((one: object) => ({ ...one, destination: join(dir, 'env') })),
		template_config: { static_secret_render_interval: `${period}s` },
	};
	writeFileSync(file, JSON.stringify(config));
	return await startProcess({
		command: bao.binary.path,
		args: ['agent', `-config=${file}`],
		env: { HOME: dir },
	});
}
