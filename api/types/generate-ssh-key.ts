import { generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import sshpk from 'sshpk';

/** An SSH key pair: the private key in OpenSSH's format, the public key as one line. */
export interface SshKey {
	readonly privateKey: string;
	readonly publicKey: string;
}

const generate = promisify(generateKeyPair);

/** Makes an ed25519 key pair. Node makes the key; sshpk writes the format, which Node cannot write. */
export async function generateSshKey(comment: string): Promise<SshKey> {
	const { privateKey } = await generate('ed25519');
	const key = sshpk.parsePrivateKey(privateKey.export({ type: 'pkcs8', format: 'pem' }), 'pem');
	key.comment = comment;
	return { privateKey: key.toString('openssh'), publicKey: publicKeyOf(key, comment) };
}

/** The public key of a private key, as one line. */
export function publicKeyOf(key: sshpk.PrivateKey, comment: string): string {
	const publicKey = key.toPublic();
	publicKey.comment = comment;
	return publicKey.toString('ssh').trim();
}
