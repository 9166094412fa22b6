import sshpk from 'sshpk';
import { z } from 'zod';
import { err, ok, type Result } from '../../contract/result.ts';
import { publicKeyOf } from './generate-ssh-key.ts';
import { given, type MakeValues, mayGenerate, text, typeRules } from './type-rules.ts';

/** A private RSA key of 16384 bits has fewer. */
const KEY_BYTES = 16 * 1024;
const COMMENT = /^[!-~](?:[ -~]{0,98}[!-~])?$/;
/** Minimum number of bits of an RSA key. OpenSSH refuses shorter ones by default from 9.1 on at 1024. */
const RSA_BITS = 2048;

const options = z.strictObject({
	comment: z
		.string()
		.regex(COMMENT, { error: 'must be 1 to 100 printable ASCII characters, without blanks at the ends' })
		.optional(),
});

/** An SSH key pair that is given, or generated when absent. */
export const ssh = typeRules(
	z.strictObject({ privateKey: text(KEY_BYTES).optional(), publicKey: text(KEY_BYTES).optional() }),
	options,
	(input, context) => {
		const { privateKey, publicKey } = input.fields;
		if (privateKey !== undefined)
			return input.generate === undefined
				? pairOf(privateKey, publicKey, context.name)
				: err('fields.privateKey and generate exclude one another');
		if (publicKey !== undefined) return err('fields.privateKey is required beside fields.publicKey');
		if (!mayGenerate(input, context)) return err('send fields.privateKey, or generate');
		const comment = input.generate?.comment ?? context.name.slice(0, 100);
		return ok(async (generators) => ({ parts: { ...(await generators.sshKey(comment)) } }));
	},
);

/** Checks a given pair. The public key is derived when absent. */
function pairOf(privateText: string, publicText: string | undefined, name: string): Result<MakeValues> {
	const key = parsePrivateKey(privateText);
	if (!key.ok) return key;
	// As ssh-keygen writes it: ssh refuses a private key without the line break at its end.
	const privateKey = `${privateText.trimEnd()}\n`;
	if (publicText === undefined)
		return given({ parts: { privateKey, publicKey: publicKeyOf(key.value, name.slice(0, 100)) } });
	const publicKey = publicText.trim();
	return isPublicKeyOf(publicKey, key.value)
		? given({ parts: { privateKey, publicKey } })
		: err('fields.publicKey must be the public key of fields.privateKey, in one line');
}

/** The errors of sshpk are not passed on: they may quote the text. */
function parsePrivateKey(textOfKey: string): Result<sshpk.PrivateKey> {
	try {
		const key = sshpk.parsePrivateKey(textOfKey, 'auto');
		if (!['rsa', 'ecdsa', 'ed25519'].includes(key.type))
			return err('fields.privateKey must be of the type ed25519, ecdsa or rsa');
		return key.type === 'rsa' && key.size < RSA_BITS
			? err(`fields.privateKey must have at least ${RSA_BITS} bits`)
			: ok(key);
	} catch (thrown) {
		return thrown instanceof sshpk.KeyEncryptedError
			? err('fields.privateKey must have no passphrase: a pod could not enter it')
			: err('fields.privateKey must be a private key in the format of OpenSSH or in PEM');
	}
}

function isPublicKeyOf(line: string, key: sshpk.PrivateKey): boolean {
	if (line.includes('\n')) return false;
	try {
		const fingerprint = sshpk.parseKey(line, 'ssh').fingerprint('sha256').toString();
		return fingerprint === key.fingerprint('sha256').toString();
	} catch {
		return false;
	}
}
