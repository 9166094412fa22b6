import { stringify } from 'yaml';
import type { KeyPair } from '../tls.ts';

/** Gives the text of a kubeconfig for one user of one cluster, everything inside it. */
export function kubeconfig(url: string, caPem: string, user: KeyPair | { readonly token: string }): string {
	const base64 = (text: string): string => Buffer.from(text).toString('base64');
	return stringify({
		apiVersion: 'v1',
		kind: 'Config',
		clusters: [
			{ name: 'envtier-test', cluster: { server: url, 'certificate-authority-data': base64(caPem) } },
		],
		users: [
			{
				name: 'user',
				user:
					'token' in user
						? { token: user.token }
						: {
								'client-certificate-data': base64(user.certPem),
								'client-key-data': base64(user.keyPem),
							},
			},
		],
		contexts: [{ name: 'envtier-test', context: { cluster: 'envtier-test', user: 'user' } }],
		'current-context': 'envtier-test',
	});
}
