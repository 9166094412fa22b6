import type { V1Pod } from '@kubernetes/client-node';
import { runApplication } from '../run/application.ts';
import type { Volumes } from '../run/volumes.ts';
import type { Screen } from '../screen.ts';

/** Dependencies of this step. */
export interface ApplicationParts {
	readonly pod: V1Pod;
	readonly volumes: Volumes;
	/** The value of PATH. */
	readonly path: string;
	readonly showValues: boolean;
}

/** Starts the pod's application with its container's command, and shows the variables in its environment. */
export async function showApplication(screen: Screen, parts: ApplicationParts): Promise<void> {
	const { pod, volumes, path, showValues } = parts;
	screen.heading('5  What the application finds in its environment');
	const container = pod.spec?.containers[0];
	if (container === undefined) throw new Error('the pod has no container');
	const { command, added } = await runApplication(container, volumes, path);
	screen.say(`The container’s command was run: ${command.map(quotedForShell).join(' ')}`);
	const rows = Object.entries(added)
		.sort(([a], [b]) => (a < b ? -1 : 1))
		.map(([name, value]) => {
			const bytes = String(Buffer.byteLength(value));
			return showValues ? [name, bytes, JSON.stringify(value)] : [name, bytes];
		});
	screen.table(showValues ? ['variable', 'bytes', 'value'] : ['variable', 'bytes'], rows);
	if (!showValues) screen.say(screen.paint('faint', 'Values are not shown: make demo VALUES=1 does.'));
}

function quotedForShell(word: string): string {
	return /^[\w./=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
