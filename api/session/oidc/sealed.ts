import { EncryptJWT, errors, jwtDecrypt } from 'jose';
import { z } from 'zod';
import { err, ok, type Result } from '../../../contract/result.ts';
import { parseJson } from '../../../lib/parse/json.ts';

/** Keys that seal cookies: the first one seals, all of them open. */
export type SealingKeys = readonly [Uint8Array, ...Uint8Array[]];

const KEY_BYTES = 32;
const FILE = z.strictObject({ current: z.string(), previous: z.string().optional() });

/** Parses the file of keys: `{"current": …, "previous": …}`, each 32 random bytes in base64. */
export function parseSealingKeys(text: string): Result<SealingKeys> {
	const json = parseJson(Buffer.from(text));
	const file = FILE.safeParse(json.ok ? json.value : undefined);
	if (!file.success) return err('it must be {"current": KEY}, and "previous": KEY if there is one');
	const [current, previous] = [file.data.current, file.data.previous ?? file.data.current].map((key) =>
		Buffer.from(key, 'base64'),
	);
	if (current?.length !== KEY_BYTES || previous?.length !== KEY_BYTES)
		return err(`each key must be ${KEY_BYTES} bytes in base64 (openssl rand -base64 ${KEY_BYTES})`);
	return ok([current, previous]);
}

/** Seals data for a time: nobody can read or change it. `purpose` keeps one kind from passing for another. */
export async function seal(
	[current]: SealingKeys,
	purpose: string,
	data: Readonly<Record<string, unknown>>,
	seconds: number,
): Promise<string> {
	return await new EncryptJWT({ ...data })
		.setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
		.setAudience(purpose)
		.setIssuedAt()
		.setExpirationTime(`${seconds} seconds`)
		.encrypt(current);
}

/** Opens sealed data; undefined when it is not ours, of another purpose, or too old. */
export async function unseal(
	keys: SealingKeys,
	purpose: string,
	text: string,
): Promise<Readonly<Record<string, unknown>> | undefined> {
	for (const key of keys)
		try {
			const options = { audience: purpose, contentEncryptionAlgorithms: ['A256GCM'] };
			return (await jwtDecrypt(text, key, { ...options, keyManagementAlgorithms: ['dir'] })).payload;
		} catch (thrown) {
			if (!(thrown instanceof errors.JOSEError)) throw thrown;
		}
	return undefined;
}
