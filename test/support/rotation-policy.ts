import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { OpenBao } from './openbao.ts';
import { createToken, writePolicy } from './openbao-setup.ts';

/** The policy of the rotation as it ships. */
export function rotationPolicy(): Promise<string> {
	return readFile(join(import.meta.dirname, '../../deploy/vault/rotation-policy.hcl'), 'utf8');
}

/** Writes the shipped policy, and makes a token that has it alone, with a file beside the server. */
export async function makeRotationToken(
	bao: OpenBao,
): Promise<{ readonly token: string; readonly file: string }> {
	await writePolicy(bao, 'envtier-rotation', await rotationPolicy());
	const token = await createToken(bao, ['envtier-rotation']);
	const file = join(bao.dir, 'rotation-token');
	await writeFile(file, token);
	return { token, file };
}
