import { isIdOf } from './secret-id.ts';

/** An old version that becomes a new one. */
export interface Restoration {
	readonly id: string;
	readonly version: number;
	/** The current version, as the person saw it. */
	readonly expected: number;
}

/** The secret that the page is about. */
export interface Target {
	/** Empty for a secret of the organization. */
	readonly deployment: string;
	/** Empty for a secret of all services. */
	readonly service: string;
	/** Empty for a secret of a deployment. */
	readonly org: string;
	readonly key: string;
	/** Undefined: the page shows the value. */
	readonly restore: Restoration | undefined;
}

const NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const VERSION = /^[1-9][0-9]{0,8}$/;
const KEY = /^[A-Za-z_][A-Za-z0-9_]{0,252}$/;

/** Reads the target from the parameters of the address; undefined if they name no secret. */
export function targetOf(query: URLSearchParams): Target | undefined {
	const [deployment, service, org, key] = ['deployment', 'service', 'org', 'key'].map(
		(name) => query.get(name) ?? '',
	) as [string, string, string, string];
	const isOfDeployment = NAME.test(deployment) && org === '' && (service === '' || NAME.test(service));
	const isOfOrg = NAME.test(org) && deployment === '' && service === '';
	if (!KEY.test(key) || !(isOfDeployment || isOfOrg)) return undefined;
	const named = { deployment, service, org, key };
	if (!query.has('restore')) return { ...named, restore: undefined };
	const [id, version, expected] = ['id', 'version', 'expected'].map((name) => query.get(name) ?? '') as [
		string,
		string,
		string,
	];
	const isWhole = VERSION.test(version) && VERSION.test(expected) && isIdOf(id, named);
	return query.get('restore') === 'true' && isWhole
		? { ...named, restore: { id, version: Number(version), expected: Number(expected) } }
		: undefined;
}

/** The deployment or the organization, as the program's calls name it. */
export function scopeOf({
	deployment,
	org,
}: Target): { readonly deployment: string } | { readonly org: string } {
	return org === '' ? { deployment } : { org };
}

/** The parameters of the address. */
export function queryOf({ restore, ...named }: Target): string {
	const more = restore === undefined ? {} : { ...restore, restore: true };
	const given = Object.entries({ ...named, ...more }).filter(([, one]) => one !== '');
	return new URLSearchParams(given.map(([name, one]) => [name, String(one)])).toString();
}

/** Why a reason is not accepted; undefined if it is. The program has the same rule. */
export function reasonProblem(reason: string): string | undefined {
	if (reason.trim() === '') return 'Say why you need the value. The audit keeps it.';
	if (new TextEncoder().encode(reason).length > 256) return 'At most 256 bytes.';
	return undefined;
}

/**
 * Characters that change how text is shown, such as controls and those that turn its direction, as escapes.
 * Line breaks and tabs stay.
 */
export function visible(value: string): string {
	return value.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
		character === '\n' || character === '\t'
			? character
			: `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
	);
}

/** Minutes and seconds that are left, such as 14:05. */
export function clock(ms: number): string {
	const seconds = Math.max(0, Math.ceil(ms / 1_000));
	return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}
