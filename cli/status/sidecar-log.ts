import { err, ok, type Result } from '../../contract/result.ts';
import { isRevision } from '../../contract/revision.ts';
import { object, text } from '../../lib/json.ts';
import { parseJson } from '../../lib/parse/json.ts';
import { type ClusterClient, statusMessage } from '../doctor/cluster.ts';
import { podsPath } from '../refresh/target.ts';

/** Lines that are read from the end of a log. A sidecar writes the revision at each change, and each hour. */
const LINES = 300;

/** The revision that a sidecar has written last, from its log. The error is why it is not known. */
export async function revisionInLog(
	cluster: ClusterClient,
	namespace: string,
	pod: string,
	container: string,
): Promise<Result<string>> {
	const query = new URLSearchParams({ container, tailLines: String(LINES) });
	const answer = await cluster.request('GET', `${podsPath(namespace)}/${pod}/log?${query}`);
	if (!answer.ok) return err(`the log of its sidecar cannot be read: ${answer.error.message}`);
	const { status, body } = answer.value;
	if (status === 403) return err(`you may not read the log of its sidecar: ${statusMessage(answer.value)}`);
	if (status !== 200) return err(`the log of its sidecar cannot be read: ${statusMessage(answer.value)}`);
	// A log of one line comes decoded.
	const revision = lastRevision(typeof body === 'string' ? body : JSON.stringify(body ?? ''));
	return revision === undefined
		? err('the log of its sidecar has no revision (ENVTIER_LOG_LEVEL above info?)')
		: ok(revision);
}

/** The last revision in lines of JSON. */
function lastRevision(log: string): string | undefined {
	return log
		.split('\n')
		.map((line) => {
			const parsed = parseJson(Buffer.from(line));
			return text(object(parsed.ok ? parsed.value : undefined)?.['revision']);
		})
		.findLast((revision) => revision !== undefined && isRevision(revision));
}
