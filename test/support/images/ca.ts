import { runProcess } from '../process.ts';

/**
 * The file with this machine's CAs, for an image build behind a proxy with its own CA: NODE_EXTRA_CA_CERTS,
 * else SSL_CERT_FILE, else npm's setting `cafile`. The tests themselves run without NODE_EXTRA_CA_CERTS.
 * Undefined when none is set.
 */
export async function ownCaFile(): Promise<string | undefined> {
	const { NODE_EXTRA_CA_CERTS: extra, SSL_CERT_FILE: system } = process.env;
	if (extra || system) return extra || system;
	const { code, stdout } = await runProcess({
		command: 'npm',
		args: ['config', 'get', 'cafile'],
		env: process.env,
	});
	const configured = stdout.trim();
	return code === 0 && configured !== '' && configured !== 'null' ? configured : undefined;
}
