import { chmod, copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { ownCaFile } from '../../build/npm.ts';
import { staticBusybox } from '../support/images/busybox.ts';
import { sharedLibraries } from '../support/images/libraries.ts';
import { ownArchitecture } from '../support/images/platform.ts';
import { writeImage } from '../support/kubernetes/node/image.ts';
import { runProcess } from '../support/process.ts';
import { scratch } from '../support/scratch.ts';

afterEach(() => void vi.unstubAllEnvs());

/** These build from packages of Debian, without a registry. */
const onDebian = ownArchitecture() !== undefined && process.getuid?.() === 0;

describe.runIf(onDebian)('images for pods of tests, on Debian as root', () => {
	test('a dynamically linked busybox on PATH is not used: a static one is taken from the package', async () => {
		await using place = await scratch('dynamic-busybox');
		// Any dynamic program will do: it is only looked at.
		await copyFile('/bin/ls', join(place.dir, 'busybox'));
		await chmod(join(place.dir, 'busybox'), 0o755);
		vi.stubEnv('PATH', `${place.dir}:${process.env['PATH']}`);
		const busybox = await staticBusybox();
		expect(await sharedLibraries(busybox)).toEqual([]);
		const { stdout } = await runProcess({ command: busybox, args: ['echo', 'it starts'] });
		expect(stdout).toBe('it starts\n');
	});

	test('an image whose program needs a library that the image lacks is refused, naming both', async () => {
		await using place = await scratch('image-without-library');
		const image = { reference: 'localhost/ls:1', programs: { '/bin/ls': '/bin/ls' }, command: ['/bin/ls'] };
		await expect(writeImage(image, join(place.dir, 'image.tar'))).rejects.toThrow(
			/^image localhost\/ls:1: \/bin\/ls cannot start there: it is linked to \/\S+, which the image lacks\./,
		);
	});
});

describe('the CAs for downloads and image builds', () => {
	test.each([
		[
			'NODE_EXTRA_CA_CERTS comes first',
			{ NODE_EXTRA_CA_CERTS: '/node.pem', SSL_CERT_FILE: '/ssl.pem' },
			'/node.pem',
		],
		[
			'then what make took it from',
			{ NODE_EXTRA_CA_CERTS: '', OWN_CA_CERTS: '/node.pem', SSL_CERT_FILE: '/ssl.pem' },
			'/node.pem',
		],
		[
			'then SSL_CERT_FILE',
			{ NODE_EXTRA_CA_CERTS: '', OWN_CA_CERTS: '', SSL_CERT_FILE: '/ssl.pem' },
			'/ssl.pem',
		],
	])('%s', async (_name, env, file) => {
		for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
		expect(await ownCaFile()).toBe(file);
	});

	test.each([
		['then what npm is configured with', 'cafile=/npm.pem\n', '/npm.pem'],
		['none where nothing is configured', '', undefined],
	])('%s', async (_name, npmrc, file) => {
		await using place = await scratch('npm-cafile');
		const userconfig = join(place.dir, 'npmrc');
		await writeFile(userconfig, npmrc);
		for (const name of [
			'NODE_EXTRA_CA_CERTS',
			'OWN_CA_CERTS',
			'SSL_CERT_FILE',
			'npm_config_cafile',
			'NPM_CONFIG_CAFILE',
		])
			vi.stubEnv(name, '');
		vi.stubEnv('NPM_CONFIG_USERCONFIG', userconfig);
		vi.stubEnv('NPM_CONFIG_GLOBALCONFIG', join(place.dir, 'none'));
		expect(await ownCaFile()).toBe(file);
	});
});
