import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { err, ok, type Result } from '../../contract/result.ts';
import { ok as done, envelope, type Reply, refuse, refuseOne } from './reply.ts';
import { isObject, type VaultRequest } from './request.ts';

/** A key of a transit engine. It has one version and lives in memory only. */
export interface TransitKey {
	readonly bytes: Buffer;
	/** True when each use derives a key from a context. */
	readonly derived: boolean;
}

/** The keys of a transit engine, by name. */
export type TransitKeys = Map<string, TransitKey>;

const PREFIX = 'vault:v1:';
const NONCE = 12;
const TAG = 16;
const CIPHER = 'aes-256-gcm';

const CONTEXT_MISSING =
	"missing 'context' for key derivation; the key was created using a derived key, which means additional, per-request information must be included in order to perform operations with the key";

/** Decodes base64. As in Go, any other character is an error. */
function decode(value: unknown): Buffer | undefined {
	if (typeof value !== 'string') return undefined;
	const bytes = Buffer.from(value, 'base64');
	return bytes.toString('base64') === value ? bytes : undefined;
}

function keyFor(key: TransitKey, context: unknown): Result<Buffer> {
	if (!key.derived) return ok(key.bytes);
	if (context === undefined || context === '') return err(CONTEXT_MISSING);
	const info = decode(context);
	if (info === undefined) return err('failed to base64-decode context');
	return ok(Buffer.from(hkdfSync('sha256', key.bytes, '', info, 32)));
}

function encrypt(bytes: Buffer, plaintext: Buffer): string {
	const nonce = randomBytes(NONCE);
	const cipher = createCipheriv(CIPHER, bytes, nonce);
	const sealed = Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
	return PREFIX + sealed.toString('base64');
}

function decrypt(
	key: TransitKey,
	{ ciphertext, context }: Readonly<Record<string, unknown>>,
): Result<string> {
	if (typeof ciphertext !== 'string' || !ciphertext.startsWith('vault:v'))
		return err('invalid ciphertext: no prefix');
	const derived = keyFor(key, context);
	if (!derived.ok) return derived;
	if (!ciphertext.startsWith(PREFIX)) return err('invalid ciphertext: version is too new');
	const bytes = decode(ciphertext.slice(PREFIX.length));
	if (bytes === undefined) return err('invalid ciphertext: could not decode base64');
	if (bytes.length < NONCE + TAG) return err('invalid ciphertext length');
	const cipher = createDecipheriv(CIPHER, derived.value, bytes.subarray(0, NONCE));
	cipher.setAuthTag(bytes.subarray(-TAG));
	try {
		const plain = Buffer.concat([cipher.update(bytes.subarray(NONCE, -TAG)), cipher.final()]);
		return ok(plain.toString('base64'));
	} catch {
		return err('cipher: message authentication failed');
	}
}

/**
 * Answers a request to a transit engine: `encrypt/KEY` and `decrypt/KEY`. `path` is the part inside the
 * mount.
 */
export function answerTransit(keys: TransitKeys, path: string, { verb, body }: VaultRequest): Reply {
	const [, operation, name] = /^(encrypt|decrypt)\/(\w(?:[\w.-]*\w)?)$/.exec(path) ?? [];
	if (name === undefined) return refuseOne(404, 'unsupported path');
	if (verb !== 'write') return refuseOne(405, 'unsupported operation');
	return operation === 'encrypt' ? answerEncrypt(keys, name, body) : answerDecrypt(keys.get(name), body);
}

function answerEncrypt(keys: TransitKeys, name: string, body: VaultRequest['body']): Reply {
	const plaintext = decode(body['plaintext']);
	if (plaintext === undefined) return refuse(400, 'failed to base64-decode plaintext');
	const existing = keys.get(name);
	const derived = typeof body['context'] === 'string' && body['context'] !== '';
	const key = existing ?? { bytes: randomBytes(32), derived };
	const derivedKey = keyFor(key, body['context']);
	if (!derivedKey.ok) return refuse(400, derivedKey.error);
	keys.set(name, key);
	return done({ ciphertext: encrypt(derivedKey.value, plaintext), key_version: 1 });
}

function answerDecrypt(key: TransitKey | undefined, body: VaultRequest['body']): Reply {
	if (key === undefined) return refuse(400, 'encryption key not found');
	const batch = body['batch_input'];
	if (!Array.isArray(batch)) {
		const one = decrypt(key, body);
		return one.ok ? done({ plaintext: one.value }) : refuse(400, one.error);
	}
	const items = batch.map((item) => (isObject(item) ? item : {}));
	const withContext = items.filter(({ context }) => context !== undefined && context !== '').length;
	if (withContext > 0 && withContext < items.length)
		return refuse(400, 'context should be set either in all the request blocks or in none');
	const results = items.map((item) => decrypt(key, item));
	const batchResults = results.map((one) =>
		one.ok ? { plaintext: one.value, reference: '' } : { plaintext: '', error: one.error, reference: '' },
	);
	return envelope({ data: { batch_results: batchResults } }, results.every((one) => one.ok) ? 200 : 400);
}
