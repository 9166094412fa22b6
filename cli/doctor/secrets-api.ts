import { httpCall } from '../http.ts';
import { readApiAddress } from '../remote/address.ts';
import { bad, type Check, good, redacted, skipped, warn } from './check.ts';

/** Lines of a program's answer that are shown. */
const LINES = 60;

type Env = Readonly<Record<string, string | undefined>>;

/** A program that serves `/readyz`. */
interface Program {
	readonly id: string;
	/** Prefix of the variables with its address and its CA. */
	readonly prefix: 'ENVTIER_API' | 'ENVTIER_REVEAL';
	readonly name: string;
	/** What to do if its Vault policy lacks lines. */
	readonly policyCure: string;
}

const API: Program = {
	id: 'secrets-api',
	prefix: 'ENVTIER_API',
	name: 'the API',
	policyCure:
		'apply the policy of the API’s version first, then the API: deploy/vault/setup.sh --replace api, or envtier vault setup-api --apply --replace',
};
const REVEAL: Program = {
	id: 'reveal-ready',
	prefix: 'ENVTIER_REVEAL',
	name: 'the Reveal program',
	policyCure:
		'apply the policy of the Reveal program’s version first, then the program: deploy/vault/setup.sh --replace reveal, or envtier vault setup-reveal --apply --replace',
};

/**
 * Asks the secrets API whether it takes calls, and whether its Vault policy has all lines. No check unless
 * ENVTIER_API_URL names an API. Sends no credentials.
 */
export async function secretsApiChecks(env: Env, stdin: NodeJS.ReadStream): Promise<readonly Check[]> {
	return env['ENVTIER_API_URL'] ? [await readyCheck(API, env, stdin)] : [];
}

/**
 * Asks the Reveal program the same. No check where it is not installed and ENVTIER_REVEAL_URL names none.
 *
 * @param isInstalled whether the cluster has the program
 */
export async function revealReadyChecks(
	env: Env,
	stdin: NodeJS.ReadStream,
	isInstalled: boolean,
): Promise<readonly Check[]> {
	if (!env['ENVTIER_REVEAL_URL'])
		return isInstalled
			? [
					skipped(
						REVEAL.id,
						'the Vault policy of the Reveal program is not checked: ENVTIER_REVEAL_URL lets the doctor ask the program',
					),
				]
			: [];
	const { ENVTIER_REVEAL_URL: url, ENVTIER_REVEAL_CA: ca } = env;
	const own = { ENVTIER_API_URL: url, ENVTIER_API_CA: ca || env['ENVTIER_API_CA'] };
	return [await readyCheck(REVEAL, own, stdin)];
}

/** @param env the address and the CA of the program, in the variables of the API */
async function readyCheck(
	{ id, prefix, name, policyCure }: Program,
	env: Env,
	stdin: NodeJS.ReadStream,
): Promise<Check> {
	const address = await readApiAddress(env, stdin);
	if (!address.ok) return bad(id, address.error.replaceAll('ENVTIER_API', prefix), 'correct the variable');
	const { url, ca } = address.value;
	const options = ca === undefined ? {} : { ca };
	const answer = await httpCall({ method: 'GET', url: new URL(`${url}/readyz`), options });
	if (!answer.ok) return bad(id, `${url} ${answer.error.message}`, `check ${prefix}_URL and ${prefix}_CA`);
	const { status, body } = answer.value;
	const [first = '', ...rest] = redacted(String(body)).trim().split('\n').slice(0, LINES);
	const isReady = status === 200 && first === 'ok';
	if (isReady && rest.length === 0) return good(id, `${url} is ready, and its Vault policy has all lines`);
	if (isReady) return warn(id, `${url} is ready, but ${shown(rest)}`, policyCure);
	const cure = first.includes('policy lacks lines') ? policyCure : `look at the log of ${name}`;
	return bad(id, `${url} is not ready (HTTP ${status}): ${shown([first, ...rest])}`, cure);
}

/** The lines below the first one are indented as the cure of a check. */
const shown = (lines: readonly string[]): string => lines.join('\n          ');
