import type { EmptyPolicy } from '../../contract/empty.ts';
import { leaseKey } from '../../contract/lease.ts';
import { err, ok, type Result } from '../../contract/result.ts';
import { type Json, object } from '../../lib/json.ts';
import { quoted } from '../text.ts';
import { EMPTY_CURE } from '../unusable.ts';
import type { Continuation } from './lease-state.ts';

/** The decoded answer of a secrets engine that issued a secret. */
export interface LeaseAnswer {
	readonly leaseId: string | undefined;
	readonly continuation: Continuation;
	/** Milliseconds that the secret is valid, from the time of the request. */
	readonly ttl: number;
	/** The values by key. */
	readonly values: ReadonlyMap<string, string>;
}

/** Why an answer is no usable secret, and advice. */
export interface LeaseProblem {
	readonly what: string;
	readonly cure: string;
}

/** Maximum size of the values of one lease in the private file, in bytes. */
const MAX_BYTES = 64 * 1024;

const PATH_CURE = 'check the path in the annotation envtier.dev/lease.';

/**
 * Decodes the answer of a secrets engine. Each field becomes a key, `NAME_FIELD`. Messages contain names of
 * fields, never values.
 *
 * @param body the body of the response
 * @param now milliseconds since 1970
 */
export function decodeLease(
	name: string,
	body: Json,
	empty: EmptyPolicy,
	now: number,
): Result<LeaseAnswer, LeaseProblem> {
	const data = object(body['data']);
	if (data === undefined || Object.keys(data).length === 0)
		return err({ what: 'is not a secret with fields', cure: `${PATH_CURE}${name}` });
	const life = lifeOf(body, data, now);
	if (life === undefined)
		return err({
			what: 'has no lease, and neither "expiration" nor "ttl" says when it ends',
			cure: `${PATH_CURE}${name}; if the secret does not end, store it in one of the tiers`,
		});
	if (life.ttl <= 0)
		return err({ what: 'had ended when it arrived', cure: 'compare the clocks of nodes and Vault' });
	// The ttl of a static secret is another one at each read, and no change.
	const { ttl: _, ...lasting } = data;
	const values = valuesOf(name, life.continuation === 'reread' ? lasting : data, empty);
	return values.ok ? ok({ ...life, values: values.value }) : values;
}

/**
 * How long a secret is valid. Engines with leases say so beside the data; pki answers `expiration` (seconds
 * since 1970) and static credentials `ttl` (seconds until their change) in the data.
 */
function lifeOf(body: Json, data: Json, now: number): Omit<LeaseAnswer, 'values'> | undefined {
	const leaseId = body['lease_id'];
	const { expiration, ttl } = data;
	if (typeof leaseId === 'string' && leaseId !== '') {
		const continuation = body['renewable'] === true ? 'renew' : 'replace';
		const seconds = body['lease_duration'];
		return { leaseId, continuation, ttl: typeof seconds === 'number' ? seconds * 1_000 : 0 };
	}
	if (typeof expiration === 'number')
		return { leaseId: undefined, continuation: 'replace', ttl: expiration * 1_000 - now };
	// A change that is due within the second has a ttl of 0.
	if (typeof ttl === 'number' && ttl >= 0)
		return { leaseId: undefined, continuation: 'reread', ttl: Math.max(1, ttl) * 1_000 };
	return undefined;
}

function valuesOf(
	name: string,
	data: Json,
	empty: EmptyPolicy,
): Result<ReadonlyMap<string, string>, LeaseProblem> {
	const pathCure = `${PATH_CURE}${name}`;
	const values = new Map<string, string>();
	let bytes = 0;
	// Engines answer null for a field that this kind of secret does not have.
	for (const [field, raw] of Object.entries(data).filter(([, value]) => value !== null)) {
		const at = `in the field ${quoted(field, 60)}`;
		const key = leaseKey(name, field);
		if (key === undefined || values.has(key))
			return err({ what: `has a name ${at} that gives no key of its own`, cure: pathCure });
		const value = textOf(raw);
		if (value === undefined)
			return err({
				what: `has neither text, a list of texts, a number nor true or false ${at}`,
				cure: pathCure,
			});
		if (value === '' && empty === 'refuse')
			return err({ what: `has an empty value ${at}`, cure: EMPTY_CURE });
		if (value === '' && empty === 'skip') continue;
		bytes += key.length + Buffer.byteLength(JSON.stringify(value));
		values.set(key, value);
	}
	return bytes > MAX_BYTES ? err({ what: `is longer than ${MAX_BYTES} bytes`, cure: pathCure }) : ok(values);
}

/** The text of a field's value; undefined if it has none, or none in Unicode. */
function textOf(raw: unknown): string | undefined {
	const text = joined(raw);
	return text?.isWellFormed() === true ? text : undefined;
}

function joined(raw: unknown): string | undefined {
	if (typeof raw === 'string') return raw;
	if (typeof raw === 'number' || typeof raw === 'boolean') return JSON.stringify(raw);
	if (Array.isArray(raw) && raw.every((item) => typeof item === 'string')) return raw.join('\n');
	return undefined;
}
