import { generatePassword, type PasswordOptions } from '../../lib/passwords.ts';
import type { CertificateOptions, Certificates } from './generate-certificates.ts';
import { generateCertificates } from './generate-certificates.ts';
import { generateSshKey, type SshKey } from './generate-ssh-key.ts';
import { createHasher } from './hash-password.ts';

/** Everything random, and everything that takes time. */
export interface Generators {
	password(options: PasswordOptions): string;
	sshKey(comment: string): Promise<SshKey>;
	certificates(options: CertificateOptions): Promise<Certificates>;
	/** Hashes a password of at most 72 bytes with bcrypt, in the form of htpasswd. */
	hash(password: string): Promise<string>;
}

/** The real generators. */
export function createGenerators(): Generators {
	return {
		password: generatePassword,
		sshKey: generateSshKey,
		certificates: generateCertificates,
		hash: createHasher(),
	};
}
