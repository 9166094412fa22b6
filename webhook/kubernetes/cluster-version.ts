import type { Logger } from 'pino';
import { err, type Result } from '../../contract/result.ts';
import type { KubernetesClient } from '../../lib/kubernetes/client.ts';
import type { ServerVersion } from '../admission/native-env.ts';

/** Asks the API server. Needs no rights: every service account may read its version. */
export async function askVersion(client: KubernetesClient): Promise<Result<ServerVersion>> {
	const answer = await client.call<ServerVersion>({ method: 'GET', path: '/version' });
	return answer.ok ? answer : err(answer.error.message);
}

const HOUR = 3_600_000;
const RETRY = 5_000;

/**
 * Milliseconds between two requests: short until the version is known, then long, because clusters are
 * upgraded.
 */
const nextQuestion = (known: boolean): number => (known ? HOUR : RETRY);

/**
 * Follows the API server's version and calls `changed` with it. A failed request changes nothing. Returns a
 * function that stops it.
 */
export function followVersion(
	ask: () => Promise<Result<ServerVersion>>,
	changed: (version: ServerVersion) => void,
	log: Logger,
): () => void {
	let timer: NodeJS.Timeout | undefined;
	let ended = false;
	let lastProblem = '';
	const question = async (known: boolean): Promise<void> => {
		const answer = await ask();
		if (ended) return;
		if (answer.ok) changed(answer.value);
		else if (answer.error !== lastProblem)
			log.warn({ problem: answer.error }, 'the API server did not tell its version');
		lastProblem = answer.ok ? '' : answer.error;
		const knows = known || answer.ok;
		timer = setTimeout(() => void question(knows), nextQuestion(knows)).unref();
	};
	void question(false);
	return () => {
		ended = true;
		clearTimeout(timer);
	};
}
