import { isKey, KEY_RULE } from '../../contract/keys.ts';
import { ANNOTATION_PREFIX, parseName } from '../../contract/names.ts';
import { err, ok, type Result } from '../../contract/result.ts';
import {
	parseSealed,
	type SealOwner,
	type SealScope,
	sealContext,
	sealedText,
	sealKey,
} from '../../contract/sealed.ts';
import { parseVaultPath } from '../../contract/values.ts';
import type { VaultResponse } from '../../lib/vault/types.ts';
import { type Context, fail } from '../context.ts';
import { readValue } from '../remote/value.ts';
import { endingOf, openAdminClient, statusLine } from '../vault/client.ts';
import { readAdminSettings } from '../vault/settings.ts';

/** Options of the command. */
export interface SealOptions {
	readonly namespace?: string | undefined;
	readonly deployment?: string | undefined;
	readonly scope: SealScope;
	readonly fromFile?: string | undefined;
	readonly transit: string;
	readonly output: 'annotation' | 'value';
}

/** The checked arguments: the key and the scope for which its value is sealed. */
interface SealTarget {
	readonly scope: SealScope;
	readonly place: SealOwner;
	/** Path of the transit engine's encryption. */
	readonly path: string;
}

/** The names that each scope needs. The scope `cluster` needs none. */
const NEEDS: Readonly<Record<SealScope, readonly ('namespace' | 'deployment')[]>> = {
	deployment: ['namespace', 'deployment'],
	namespace: ['namespace'],
	cluster: [],
};

function sealTargetOf(key: string, options: SealOptions): Result<SealTarget> {
	if (!isKey(key)) return err(`the key must be ${KEY_RULE}`);
	const { scope, transit } = options;
	const names = { namespace: '', deployment: '' };
	for (const option of ['namespace', 'deployment'] as const) {
		const name = options[option];
		const needed = NEEDS[scope].includes(option);
		if (needed && name === undefined) return err(`scope ${scope} needs --${option}`);
		// A name that has no effect is probably a mistake.
		if (!needed && name !== undefined)
			return err(`a value for scope ${scope} opens whatever the ${option} is: leave --${option} out`);
		const parsed = parseName(name ?? 'x');
		if (!parsed.ok) return err(`--${option} must be ${parsed.error}`);
		names[option] = name ?? '';
	}
	const mount = parseVaultPath(transit);
	if (!mount.ok) return err(`--transit must be ${mount.error}`);
	return ok({ scope, place: names, path: `${mount.value}/encrypt/${sealKey(scope, names)}` });
}

/** `envtier seal` */
export async function sealValue(key: string, options: SealOptions, context: Context): Promise<void> {
	const target = sealTargetOf(key, options);
	if (!target.ok) return fail(context, 'usage', target.error);
	const settings = await readAdminSettings(context.env, context.stdin, 'sealing');
	if (!settings.ok) return fail(context, 'usage', settings.error);
	const { fromFile } = options;
	const piped = fromFile === undefined && !context.stdin.isTTY;
	const value = await readValue({ fromFile, valueStdin: piped }, context);
	if (!value.ok) return fail(context, 'usage', value.error);
	const { scope, place, path } = target.value;
	const body = {
		plaintext: Buffer.from(value.value).toString('base64'),
		context: Buffer.from(sealContext(scope, place)).toString('base64'),
	};
	const answer = await openAdminClient(settings.value).write(path, body);
	if (!answer.ok) return fail(context, answer.error.ending, answer.error.message);
	const ciphertext = ciphertextOf(answer.value);
	if (ciphertext === undefined) return refused(answer.value, path, context);
	const text = sealedText({ scope, ciphertext });
	const line = options.output === 'value' ? text : `${ANNOTATION_PREFIX}sealed.${key}: "${text}"`;
	context.stdout.write(`${line}\n`);
}

function ciphertextOf({ status, json }: VaultResponse): string | undefined {
	const ciphertext = (json as { data?: { ciphertext?: unknown } } | undefined)?.data?.ciphertext;
	return status === 200 && typeof ciphertext === 'string' && parseSealed(ciphertext).ok
		? ciphertext
		: undefined;
}

/** Reports why Vault did not seal, and the remedy. */
function refused(response: VaultResponse, path: string, context: Context): void {
	const cures: Readonly<Record<number, string>> = {
		403: `a policy of the token needs: path "${path}" { capabilities = ["create", "update"] }`,
		404: 'is there a transit engine? deploy/vault/setup.sh sealing mounts it',
	};
	const cure = cures[response.status];
	const details = cure === undefined ? [] : [cure];
	fail(context, endingOf(response), statusLine(response), ...details);
}
