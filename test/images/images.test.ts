import { createReadStream } from 'node:fs';
import { chown, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { constants, createZstdCompress } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EXIT_CODES } from '../../contract/exit-codes.ts';
import { call } from '../support/http.ts';
import { type Architecture, ownArchitecture } from '../support/images/platform.ts';
import { mustRun } from '../support/images/run.ts';
import { IMAGE_PROGRAMS, type ImageProgram } from '../support/images.ts';
import { makeJwtSigner, serviceAccountClaims } from '../support/jwt.ts';
import { startOpenBao } from '../support/openbao.ts';
import { enableAuth, putSecret, writePolicy, writeRole } from '../support/openbao-setup.ts';
import { freePort } from '../support/ports.ts';
import { type Scratch, scratch } from '../support/scratch.ts';
import { makeAuthority } from '../support/tls.ts';
import { describeWithImages, runContainer, startContainer, type Unpacked, unpack } from './support.ts';

const ROOT = join(import.meta.dirname, '../..');

const TRIPLETS = { amd64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' } as const;
const LOADERS = { amd64: 'lib64/ld-linux-x86-64.so.2', arm64: 'lib/ld-linux-aarch64.so.1' } as const;
/** ELF header, e_machine. */
const MACHINES = { amd64: 62, arm64: 183 } as const;
/** Libraries and packages of Debian, by what is linked to them. */
const LIBRARIES = {
	node: ['atomic.so.1', 'c.so.6', 'dl.so.2', 'gcc_s.so.1', 'm.so.6', 'pthread.so.0', 'stdc++.so.6'],
	executable: ['c.so.6', 'dl.so.2', 'm.so.6', 'pthread.so.0'],
};
const PACKAGES = { node: ['libatomic1', 'libc6', 'libgcc-s1', 'libstdc++6'], executable: ['libc6'] };

/** What a program is: a bundle that Node runs, or an executable. */
const kindOf = (program: ImageProgram): keyof typeof LIBRARIES =>
	program === 'fetcher' ? 'executable' : 'node';

/** What runs when the image starts, in it. */
const startedBy = (program: ImageProgram): string =>
	kindOf(program) === 'executable' ? `opt/envtier/${program}` : 'usr/local/bin/node';

/** Every file that an image may hold; all else is one too many. */
function filesOf(program: ImageProgram, arch: Architecture): readonly string[] {
	return [
		...['etc/nsswitch.conf', 'etc/os-release', startedBy(program), LOADERS[arch], 'opt/envtier/LICENSE'],
		`opt/envtier/${program}.cdx.json`,
		...(kindOf(program) === 'executable'
			? ['opt/envtier/licenses/LGPL-2.1', 'opt/envtier/licenses/NOTICE']
			: [`opt/envtier/${program}.mjs`]),
		// The store of audit entries runs in a thread of its own.
		...(program === 'api' ? ['opt/envtier/api-audit-worker.mjs'] : []),
		...LIBRARIES[kindOf(program)].map((name) => `usr/lib/${TRIPLETS[arch]}/lib${name}`),
		...PACKAGES[kindOf(program)].flatMap((name) => [
			`usr/share/doc/${name}/copyright`,
			`var/lib/dpkg/status.d/${name}`,
		]),
	].sort();
}

/**
 * Files of a program whose names end with a hash of their content: what the webhook loads on demand, and the
 * pages of the API.
 */
const HASHED =
	/^opt\/envtier\/(?:webhook\/[a-z]+-[A-Z0-9]{8}\.mjs|ui\/(?:(?:dashboard|reveal)-[A-Z0-9]{8}\.(?:js|css)|(?:index|reveal)\.html|icon\.svg|licenses\.txt))$/;

/** Runs while the test does and needs no privilege: a name server of its own, asked through the C library. */
const LOOKUP = `
	const answer = (query) => {
		const name = query.subarray(12, query.indexOf(0, 12) + 5);
		const isA = name.readUInt16BE(name.length - 4) === 1;
		const head = Buffer.from([query[0], query[1], 0x81, 0x80, 0, 1, 0, isA ? 1 : 0, 0, 0, 0, 0]);
		const record = [0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 10, 1, 2, 3];
		return Buffer.concat([head, name, Buffer.from(isA ? record : [])]);
	};
	const server = require('node:dgram').createSocket('udp4');
	server.on('message', (query, from) => server.send(answer(query), from.port, from.address));
	server.bind(53, '127.0.0.1', () => require('node:dns').lookup('vault.example.test', (error, address) => {
		console.log(error ? error.code : address);
		server.close();
	}));`;

const own = ownArchitecture() ?? 'amd64';
const foreign = own === 'amd64' ? 'arm64' : 'amd64';

await describeWithImages('the images', foreign, (built) => {
	const images = {} as Record<ImageProgram | 'foreign', Unpacked>;
	let place: Scratch;
	beforeAll(async () => {
		place = await scratch('images');
		for (const name of [...IMAGE_PROGRAMS, 'foreign'] as const)
			images[name] = await unpack(built[name], join(place.dir, name));
	});
	afterAll(() => place.remove());

	describe.each(IMAGE_PROGRAMS)('of the %s', (program) => {
		test('runs as a numeric user that is not root', () => {
			expect(images[program].manifest.config.User).toBe('65532:65532');
		});

		test('starts its program without a shell', () => {
			const { Entrypoint, Cmd } = images[program].manifest.config;
			expect(Entrypoint?.[0]).toBe(`/${startedBy(program)}`);
			const [file, ...options] = Entrypoint?.slice(1).reverse() ?? [];
			expect(file).toBe(kindOf(program) === 'executable' ? undefined : `/opt/envtier/${program}.mjs`);
			// Options of Node.
			for (const option of options) expect(option).toMatch(/^--[a-z]/);
			expect(Cmd ?? []).toEqual([]);
		});

		test('holds what runs the program, its libraries, the program and their licences, and nothing else', () => {
			const files = images[program].entries.filter(({ mode }) => !mode.startsWith('d'));
			const paths = files.map(({ path }) => path).sort();
			expect(paths.filter((path) => !HASHED.test(path))).toEqual(filesOf(program, own));
			expect(paths.some((path) => HASHED.test(path))).toBe(program === 'webhook' || program === 'api');
			const programs = files.filter(({ mode }) => mode.includes('x')).map(({ path }) => path);
			expect(programs.sort()).toEqual([LOADERS[own], startedBy(program)].sort());
		});

		test('gives nobody but root the right to change a file, and nobody another one’s rights', () => {
			for (const { path, mode, owner } of images[program].entries) {
				expect([path, owner]).toEqual([path, '0/0']);
				expect([path, mode]).toEqual([path, expect.stringMatching(/^[-d]r[w-][x-]r-[x-]r-[x-]$/)]);
			}
		});

		test('says what it is, of which version and from where', async () => {
			const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
			expect(images[program].manifest.config.Labels).toMatchObject({
				'org.opencontainers.image.title': `envtier-${program}`,
				'org.opencontainers.image.description': expect.stringMatching(/.{20}/),
				'org.opencontainers.image.version': version,
				'org.opencontainers.image.revision': 'test',
				'org.opencontainers.image.source': 'https://git.example/envtier',
				'org.opencontainers.image.licenses': expect.stringMatching(/^Apache-2\.0/),
				'org.opencontainers.image.base.name': expect.stringContaining('node:26-bookworm-slim'),
			});
		});

		test('holds the program that make build makes', async () => {
			const out = join(place.dir, 'dist');
			const args = ['build.ts', `--out=${out}`, program];
			await mustRun({ command: process.execPath, args, cwd: ROOT });
			const file = kindOf(program) === 'executable' ? program : `${program}.mjs`;
			const built = await readFile(join(out, file));
			const inside = await readFile(join(images[program].rootfs, 'opt/envtier', file));
			expect(inside.equals(built)).toBe(true);
		});

		test('names the packages of its libraries for scanners, each with version and architecture', async () => {
			for (const name of PACKAGES[kindOf(program)]) {
				const status = await readFile(join(images[program].rootfs, 'var/lib/dpkg/status.d', name), 'utf8');
				expect(status).toMatch(new RegExp(`^Package: ${name.replaceAll('+', '\\+')}$`, 'm'));
				expect(status).toMatch(/^Version: \d/m);
				expect(status).toMatch(new RegExp(`^Architecture: ${own}$`, 'm'));
			}
			const release = await readFile(join(images[program].rootfs, 'etc/os-release'), 'utf8');
			expect(release).toMatch(/^ID=debian$/m);
		});
	});

	test('of webhook and API share the layer of Node', () => {
		const layers = (['webhook', 'api'] as const).map((program) => images[program].manifest.rootfs.diff_ids);
		for (const ids of layers) expect(ids).toHaveLength(2);
		expect(new Set(layers.map(([node]) => node)).size).toBe(1);
	});

	test.each(['fetcher', 'foreign'] as const)(
		'of the fetcher (%s) takes at most 50 MB to download, as it is released',
		async (name) => {
			let bytes = 0;
			for (const layer of images[name].layers) {
				// BuildKit's highest level, which the release takes, compresses about as much as this one of zstd.
				const level = createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: 11 } });
				await pipeline(createReadStream(layer), level, async (chunks) => {
					for await (const chunk of chunks) bytes += (chunk as Buffer).length;
				});
			}
			expect(bytes).toBeGreaterThan(10_000_000);
			expect(bytes).toBeLessThanOrEqual(50_000_000);
		},
		180_000,
	);

	test(`are made for ${foreign} without running anything of it`, async () => {
		const { manifest, entries, rootfs } = images.foreign;
		expect(manifest.architecture).toBe(foreign);
		const files = entries.filter(({ mode }) => !mode.startsWith('d')).map(({ path }) => path);
		expect(files.sort()).toEqual(filesOf('fetcher', foreign));
		for (const path of files.filter((name) => /\.so\.|\/fetcher$/.test(name))) {
			const header = await readFile(join(rootfs, path));
			expect([path, header.readUInt16LE(18)]).toEqual([path, MACHINES[foreign]]);
		}
	});

	describe('run on a read-only root, without capabilities', () => {
		let around: Scratch;
		beforeAll(async () => {
			around = await scratch('run');
		});
		afterAll(() => around.remove());

		test.each([
			{ uid: 65532, name: 'as its own user' },
			{ uid: 1000, name: 'as a user that the image does not know' },
		])('the fetcher, told nothing, says which settings are missing, $name', async ({ uid }) => {
			const { code, stdout } = await runContainer(images.fetcher, { uid });
			expect(code).toBe(EXIT_CODES.settings.code);
			expect(stdout).toContain('ENVTIER_VAULT_ADDR');
		});

		test('the webhook, told nothing, says which settings are missing', async () => {
			const { code, stderr } = await runContainer(images.webhook);
			expect(code).toBe(1);
			expect(stderr).toContain('ENVTIER_FETCHER_IMAGE');
		});

		test('the fetcher trusts public certificate authorities alone where it is given none, though its image has no file of them', async () => {
			await using bao = await startOpenBao();
			const token = join(around.dir, 'token-roots');
			await writeFile(token, makeJwtSigner().sign(serviceAccountClaims('shop', 'web')), { mode: 0o444 });
			const { code, stdout } = await runContainer(images.fetcher, {
				env: { ENVTIER_VAULT_ADDR: bao.addr, ENVTIER_VAULT_ROLE: 'web', ENVTIER_DEPLOYMENT: 'shop' },
				mounts: [{ source: token, destination: '/var/run/secrets/envtier.dev/token' }],
			});
			expect([code, stdout]).toEqual([
				EXIT_CODES.tls.code,
				expect.stringContaining('its certificate comes from an unknown CA'),
			]);
		});

		test('the C library resolves names by DNS', async () => {
			const resolv = join(around.dir, 'resolv.conf');
			await writeFile(resolv, 'nameserver 127.0.0.1\n');
			const { stdout, stderr } = await runContainer(images.webhook, {
				args: ['/usr/local/bin/node', '-e', LOOKUP],
				network: 'none',
				mounts: [{ source: resolv, destination: '/etc/resolv.conf' }],
			});
			expect([stdout, stderr]).toEqual(['10.1.2.3\n', '']);
		});

		test('the fetcher writes the secrets of a real OpenBao', async () => {
			await using bao = await startOpenBao();
			const signer = makeJwtSigner();
			await enableAuth(bao, 'jwt', { config: { jwt_validation_pubkeys: [signer.publicKeyPem] } });
			await writePolicy(
				bao,
				'shop',
				'path "secret/metadata/deployments/shop/*" { capabilities = ["list"] }\n' +
					'path "secret/data/deployments/shop/*" { capabilities = ["read"] }',
			);
			const bound = { bound_audiences: ['vault'], bound_subject: 'system:serviceaccount:shop:web' };
			const role = { role_type: 'jwt', user_claim: 'sub', token_policies: ['shop'], ...bound };
			await writeRole(bao, 'jwt', 'web', role);
			await putSecret(bao, 'deployments/shop/secrets/GREETING', 'it’s a test secret');

			const volume = join(around.dir, 'volume');
			await mkdir(volume);
			await chown(volume, 65532, 65532);
			const token = join(around.dir, 'token');
			await writeFile(token, signer.sign(serviceAccountClaims('shop', 'web')), { mode: 0o444 });
			const { code, stdout } = await runContainer(images.fetcher, {
				env: {
					ENVTIER_VAULT_ADDR: bao.addr,
					ENVTIER_VAULT_CA: bao.caPem,
					ENVTIER_VAULT_AUTH_MOUNT: 'jwt',
					ENVTIER_VAULT_ROLE: 'web',
					ENVTIER_DEPLOYMENT: 'shop',
				},
				mounts: [
					{ source: volume, destination: '/secrets', writable: true },
					{ source: token, destination: '/var/run/secrets/envtier.dev/token' },
				],
			});
			expect([code, stdout]).toEqual([0, expect.stringContaining('secrets written')]);
			const written = join(volume, 'env');
			expect(await readFile(written, 'utf8')).toBe("export GREETING='it’s a test secret'\n");
			const { mode, uid } = await stat(written);
			expect([mode & 0o777, uid]).toEqual([0o600, 65532]);
		});

		const SERVERS = {
			webhook: {
				...{ listen: 'ENVTIER_LISTEN', tls: 'ENVTIER_TLS' },
				env: {
					ENVTIER_FETCHER_IMAGE: 'envtier-fetcher:test',
					ENVTIER_VAULT_ADDR: 'https://vault.example:8200',
				},
			},
			api: {
				...{ listen: 'ENVTIER_API_LISTEN', tls: 'ENVTIER_API_TLS' },
				env: { ENVTIER_API_STORE: 'memory' },
			},
		} as const;
		test.each(['webhook', 'api'] as const)(
			'the %s serves, and ends by itself on SIGTERM',
			async (program) => {
				const { listen, tls: variables, env } = SERVERS[program];
				const authority = await makeAuthority();
				const leaf = await authority.issue();
				const tls = join(around.dir, `tls-${program}`);
				await mkdir(tls);
				await writeFile(join(tls, 'tls.crt'), leaf.certPem);
				await writeFile(join(tls, 'tls.key'), leaf.keyPem, { mode: 0o400 });
				await chown(join(tls, 'tls.key'), 65532, 65532);
				const port = await freePort();
				const container = await startContainer(images[program], {
					env: {
						[listen]: `127.0.0.1:${port}`,
						[`${variables}_CERT_FILE`]: '/etc/envtier/tls/tls.crt',
						[`${variables}_KEY_FILE`]: '/etc/envtier/tls/tls.key',
						...env,
					},
					mounts: [{ source: tls, destination: '/etc/envtier/tls' }],
				});
				try {
					const url = `https://127.0.0.1:${port}/readyz`;
					await container.process.waitUntil('it is ready', async () => {
						return (await call({ url, caPem: authority.certPem })).status === 200;
					});
					container.terminate();
					expect(await container.process.exited).toEqual({ code: 0, signal: null });
				} finally {
					await container.stop();
				}
			},
		);
	});
});
