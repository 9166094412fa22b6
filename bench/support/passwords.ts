import { encodeRotation } from '../../lib/kv/rotation.ts';
import { type IndexedSecret, indexEntryOf, ROTATIONS } from '../../lib/kv/rotation-index.ts';
import { groupEntry } from '../../lib/kv/typed-member.ts';
import { openTransport } from '../../lib/vault/transport.ts';
import type { OpenBao } from '../../test/support/openbao.ts';
import { must } from '../../test/support/openbao-setup.ts';

const EVERY = { every: '90d', generate: { length: 32, charset: 'alnum' } } as const;
/** Milliseconds after which all of them are due. */
export const DUE = 91 * 24 * 3_600_000;

/** Creates passwords with a rotation in the service `db` of each deployment, with the metadata of the API. */
export async function makePasswords(
	bao: OpenBao,
	deployments: readonly string[],
	inEach: number,
): Promise<readonly IndexedSecret[]> {
	const transport = openTransport({
		...{ address: bao.addr, ca: bao.caPem, tlsName: undefined, namespace: undefined, timeout: 60_000 },
	});
	const post = async (path: string, body: object): Promise<void> => {
		const sent = await transport.send({
			...{ method: 'POST', target: `/v1/secret/${path}`, body: JSON.stringify(body) },
			headers: { 'x-vault-token': bao.rootToken, 'content-type': 'application/json' },
		});
		if (!sent.ok) throw new Error(sent.error.message);
		if (sent.value.status >= 300) throw new Error(`POST ${path}: ${sent.value.status}`);
	};
	const make = async (deployment: string, number: number): Promise<IndexedSecret> => {
		const folder = `deployments/${deployment}/services/db/secrets`;
		const key = `PASSWORD_${number}`;
		const entry = indexEntryOf(`${folder}/${key}`);
		const place = { kind: 'deployment', name: deployment, service: 'db', key };
		await post(`metadata/${ROTATIONS}/${entry}`, { custom_metadata: place });
		await post(`data/${folder}/${key}`, { data: { value: 'the first value' } });
		const typed = { type: 'password', name: key, group: groupEntry('stamp', 1, 1) };
		await post(`metadata/${folder}/${key}`, {
			custom_metadata: { ...typed, rotation: encodeRotation(EVERY) },
		});
		return { folder, key };
	};
	try {
		// The transport has 16 connections.
		return await Promise.all(
			deployments.flatMap((deployment) =>
				Array.from({ length: inEach }, (_, number) => make(deployment, number)),
			),
		);
	} finally {
		transport.close();
	}
}

/** How many of these passwords have how many versions. */
export async function countVersions(
	bao: OpenBao,
	secrets: readonly IndexedSecret[],
): Promise<ReadonlyMap<number, number>> {
	const counts = new Map<number, number>();
	for (const folder of new Set(secrets.map((secret) => secret.folder))) {
		const { data } = (await must(bao, 'GET', `secret/detailed-metadata/${folder}/?list=true`)) as {
			data: { key_info: Record<string, { current_version: number }> };
		};
		for (const { current_version: version } of Object.values(data.key_info))
			counts.set(version, (counts.get(version) ?? 0) + 1);
	}
	return counts;
}
