import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeJwtSigner, serviceAccountClaims } from '../../test/support/jwt.ts';
import type { OpenBao } from '../../test/support/openbao.ts';
import { enableAuth, putSecret, writePolicy, writeRole } from '../../test/support/openbao-setup.ts';
import { scratch } from '../../test/support/scratch.ts';

/** Folders of the three tiers. */
const FOLDERS = (deployment: string): readonly string[] => [
	`orgs/${deployment}/secrets`,
	`deployments/${deployment}/secrets`,
	`deployments/${deployment}/services/web/secrets`,
];

/** Creates a jwt mount with a role that may read everything, and a token for it that is valid for an hour. */
export async function openDoor(bao: OpenBao): Promise<string> {
	const signer = makeJwtSigner();
	await enableAuth(bao, 'jwt', { config: { jwt_validation_pubkeys: [signer.publicKeyPem] } });
	await writePolicy(bao, 'bench', 'path "secret/*" { capabilities = ["list", "read"] }');
	await writeRole(bao, 'jwt', 'web', {
		...{ role_type: 'jwt', user_claim: 'sub', bound_audiences: ['vault'], token_policies: ['bench'] },
		...{ bound_subject: 'system:serviceaccount:shop:web', token_ttl: '10m' },
	});
	const now = Math.floor(Date.now() / 1000);
	return signer.sign(serviceAccountClaims('shop', 'web', { exp: now + 3_600 }));
}

/** The value of a key. */
type ValueText = (tier: number, key: number) => string;

const shortValue: ValueText = (tier, key) => `value ${key} of tier ${tier}, forty bytes or so`;

/** Writes keys into three tiers. No key overrides another one. */
export async function fill(
	bao: OpenBao,
	deployment: string,
	keys: number,
	textOf: ValueText = shortValue,
): Promise<void> {
	for (const [tier, folder] of FOLDERS(deployment).entries()) {
		for (let key = 0; key < keys; key++)
			await putSecret(bao, `${folder}/KEY_${tier}_${key}`, textOf(tier, key));
	}
}

/** Files of a pod: token, volume and, for the agent, its configuration. */
export async function makeSurroundings(jwt: string, addr: string, caFile: string, deployment: string) {
	const place = await scratch('bench');
	const tokenFile = join(place.dir, 'token');
	const agentFile = join(place.dir, 'agent.hcl');
	writeFileSync(tokenFile, jwt, { mode: 0o600 });
	const secrets = FOLDERS(deployment).map(
		(folder) =>
			`{{ range $key := secrets "secret/metadata/${folder}" }}{{ with secret (printf "secret/data/${folder}/%s" $key) }}` +
			`export {{ $key }}='{{ .Data.data.value }}'\n{{ end }}{{ end }}`,
	);
	writeFileSync(
		agentFile,
		JSON.stringify({
			exit_after_auth: true,
			log_level: 'error',
			vault: { address: addr, ca_cert: caFile },
			auto_auth: {
				method: [
					{
						type: 'jwt',
						mount_path: 'auth/jwt',
						config: { path: tokenFile, role: 'web', remove_jwt_after_reading: false },
					},
				],
			},
			template: [{ contents: secrets.join(''), destination: join(place.dir, 'agent-env'), perms: '0600' }],
		}),
	);
	return { place, tokenFile, agentFile };
}
