import { isKey } from './keys.ts';
import { err, ok } from './result.ts';
import type { Parse } from './values.ts';

/** A dynamic secret: the Vault path that issues it, and parameters if it is issued by a write. */
export interface Lease {
	/** API path without `/v1/`, such as `database/creds/readonly`. */
	readonly path: string;
	/** Empty: the path is read (GET). Otherwise it is written (POST) with these as body. */
	readonly parameters: readonly (readonly [name: string, value: string])[];
}

/**
 * These paths hold no secrets engine. A token that may use them can do more than read a secret. A Vault
 * namespace may stand before them, so no segment may have these names.
 */
const FORBIDDEN = ['sys', 'auth', 'identity', 'cubbyhole'];

const SEGMENT = /^[A-Za-z0-9_][-A-Za-z0-9_.]*$/;
const PARAMETER = /^[a-z][a-z0-9_]{0,63}$/;
/** Without "%" and blanks, so that nothing is decoded and no two readers can read it differently. */
const VALUE = /^[-A-Za-z0-9_.,:*@/+]{1,512}$/;

/** Maximum length of a lease's text, in characters. */
const MAX_LENGTH = 2048;
const MAX_PARAMETERS = 16;

/** Maximum number of leases of a pod. */
export const MAX_LEASES = 8;

/** The syntax of a lease, for messages. */
const LEASE_RULE = `the Vault path that issues a dynamic secret, such as database/creds/readonly, or pki/issue/web?common_name=web.shop.svc&ttl=24h; two segments at least, of letters, digits, "-", "_" and ".", none of them ${FORBIDDEN.join(', ')}`;

/** Parses a path with optional parameters. */
export const parseLease: Parse<Lease> = (text) => {
	if (text.length > MAX_LENGTH) return err(`${LEASE_RULE}; at most ${MAX_LENGTH} characters`);
	const [path = '', query, ...rest] = text.split('?');
	const segments = path.split('/');
	if (rest.length > 0 || segments.length < 2) return err(LEASE_RULE);
	if (segments.some((segment) => !SEGMENT.test(segment) || FORBIDDEN.includes(segment.toLowerCase())))
		return err(LEASE_RULE);
	if (query === undefined) return ok({ path, parameters: [] });
	const parameters = parametersOf(query);
	return parameters === undefined
		? err(`${LEASE_RULE}; at most ${MAX_PARAMETERS} parameters, each once and with a value without escapes`)
		: ok({ path, parameters });
};

function parametersOf(query: string): Lease['parameters'] | undefined {
	const parameters = query.split('&').map((pair): readonly [string, string] => {
		const [name = '', value = '', ...more] = pair.split('=');
		return more.length > 0 ? ['', ''] : [name, value];
	});
	const names = new Set(parameters.map(([name]) => name));
	const valid =
		parameters.length <= MAX_PARAMETERS &&
		names.size === parameters.length &&
		parameters.every(([name, value]) => PARAMETER.test(name) && VALUE.test(value));
	return valid ? parameters : undefined;
}

/** The text of a lease. `parseLease` parses it. */
export function leaseText({ path, parameters }: Lease): string {
	const query = parameters.map((pair) => pair.join('=')).join('&');
	return query === '' ? path : `${path}?${query}`;
}

/** Whether a path lies below a mount, also if a Vault namespace stands before the mount. */
export function isBelowMount(path: string, mount: string): boolean {
	return `/${path}`.includes(`/${mount}/`);
}

/**
 * The key of one field of a lease: `DB` and `username` give `DB_USERNAME`. Undefined if no variable can have
 * that name.
 */
export function leaseKey(name: string, field: string): string | undefined {
	const key = `${name}_${field.toUpperCase().replaceAll('-', '_')}`;
	return isKey(key) ? key : undefined;
}

/** Whether a key can be a field of this lease. The fields are known only after the lease was issued. */
export function isKeyOfLease(name: string, key: string): boolean {
	return key.startsWith(`${name}_`) && key.length > name.length + 1;
}
