import { createPrivateKey } from 'node:crypto';
import { symlink, unlink } from 'node:fs/promises';
import { setInterval } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openCertificateFiles } from '../../lib/tls/certificate-files.ts';
import {
	type CertificateSource,
	isValidAt,
	type ServingCertificate,
} from '../../lib/tls/certificate-source.ts';
import { type KeyPair, makeAuthority } from '../support/tls.ts';
import { until } from '../support/until.ts';
import { type KubeletVolume, kubeletVolume } from './support/kubelet-volume.ts';
import { collectLogs, type Logs } from './support/logs.ts';

const REFUSED = 'new certificate refused, the old one stays';
const CHANGED = 'certificate changed';
/** Milliseconds between looks. */
const LOOK = 10;

const authority = await makeAuthority();
const first = await authority.issue();
const second = await authority.issue();

/** The key, only to be read with a passphrase. */
function encrypted(key: string): string {
	const cipher = { cipher: 'aes-256-cbc', passphrase: 'not-a-real-passphrase' };
	return String(createPrivateKey(key).export({ type: 'pkcs8', format: 'pem', ...cipher }));
}

const NO_CERTIFICATE = '-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n';
const HOUR = 3_600_000;
const inHours = (hours: number): Date => new Date(Date.now() + hours * HOUR);

const BAD: readonly (readonly [sentence: string, pair: () => Promise<KeyPair> | KeyPair, reason: RegExp])[] =
	[
		['an empty certificate', () => ({ ...second, certPem: '' }), /no PEM certificate/],
		['a certificate that is none', () => ({ ...second, certPem: NO_CERTIFICATE }), /no PEM certificate/],
		[
			'half a certificate',
			() => ({ ...second, certPem: second.certPem.slice(0, 300) }),
			/no PEM certificate/,
		],
		['an empty key', () => ({ ...second, keyPem: '' }), /no PEM private key/],
		['a certificate for a key', () => ({ ...second, keyPem: second.certPem }), /no PEM private key/],
		[
			'a key with a passphrase',
			() => ({ ...second, keyPem: encrypted(second.keyPem) }),
			/without a passphrase/,
		],
		['another pair’s key', () => ({ ...second, keyPem: first.keyPem }), /does not belong/],
		['an expired pair', () => authority.issue({ expired: true }), /valid until .* has passed/],
		[
			'a pair for later',
			() => authority.issue({ notBefore: inHours(1), notAfter: inHours(2) }),
			/valid from .* on/,
		],
		[
			'a chain with a broken certificate',
			() => ({ ...second, certPem: second.certPem + NO_CERTIFICATE }),
			/TLS cannot use/,
		],
	];

let files: KubeletVolume;
let logs: Logs;
let source: CertificateSource | undefined;
beforeEach(async () => {
	files = await kubeletVolume(first);
	logs = collectLogs();
});
afterEach(async () => {
	source?.close();
	await files[Symbol.asyncDispose]();
});

function openFiles() {
	const { certificateFile, keyFile } = files;
	const opened = openCertificateFiles({ certificateFile, keyFile, interval: LOOK }, logs.log);
	source = opened.ok ? opened.value : undefined;
	return opened;
}

/** Follows the files; collects the pairs that are handed on. */
function follow(): { source: CertificateSource; seen: ServingCertificate[] } {
	const opened = openFiles();
	if (!opened.ok) throw new Error(opened.error);
	const seen: ServingCertificate[] = [];
	opened.value.onChange((pair) => seen.push(pair));
	return { source: opened.value, seen };
}

/**
 * Log lines about a refusal for this reason. A read in the middle of a swap may add one about a key that does
 * not belong.
 */
const refusals = (reason: RegExp) => logs.with(REFUSED).filter((line) => reason.test(String(line['reason'])));

/** That something does not happen takes time to see: some looks' worth. */
async function someLooks(): Promise<void> {
	let ticks = 0;
	for await (const _ of setInterval(LOOK)) if (++ticks === 15) break;
}

describe('at the start', () => {
	test('a valid pair is used', () => {
		const opened = openFiles();
		expect(opened.ok && opened.value.current().certificate).toBe(first.certPem);
		expect(opened.ok && isValidAt(opened.value.current(), new Date())).toBe(true);
		expect(opened.ok && isValidAt(opened.value.current(), inHours(48))).toBe(false);
	});

	test('a chain whose blocks are joined without a line break is shown whole', async () => {
		await files.swap({ ...first, certPem: first.certPem.trim() + authority.certPem.trim() });
		const opened = openFiles();
		expect(opened.ok && opened.value.current().certificate).toBe(first.certPem + authority.certPem);
	});

	test.for(BAD)('an invalid pair is an error: %s', async ([, make, reason]) => {
		await files.swap(await make());
		const opened = openFiles();
		expect(opened).toEqual({ ok: false, error: expect.stringMatching(reason) });
		expect(JSON.stringify(opened)).not.toContain('PRIVATE KEY-----');
	});

	test('a file that is not there is named', async () => {
		await unlink(files.keyFile);
		expect(openFiles()).toEqual({ ok: false, error: `cannot read the file ${files.keyFile}: ENOENT` });
	});
});

describe('later', () => {
	test('a new valid pair is passed on once', async () => {
		const { source, seen } = follow();
		await files.swap(second);
		await until('the new pair', () => seen.length > 0);
		await someLooks();
		expect(seen.map(({ certificate }) => certificate)).toEqual([second.certPem]);
		expect(source.current()).toBe(seen[0]);
		expect(logs.with(CHANGED)).toHaveLength(1);
	});

	test.for(BAD)('the old pair stays and the log says why, once: %s', async ([, make, reason]) => {
		const { source, seen } = follow();
		await files.swap(await make());
		await until('the refusal', () => refusals(reason).length > 0);
		await someLooks();
		expect(refusals(reason)).toHaveLength(1);
		expect(seen).toEqual([]);
		expect(source.current().certificate).toBe(first.certPem);
		expect(logs.text()).not.toContain('PRIVATE KEY-----');
	});

	test('a missing file is reported, and read when it is back', async () => {
		const { source, seen } = follow();
		await unlink(files.certificateFile);
		await until('the refusal', () => refusals(/ENOENT/).length > 0);
		expect(source.current().certificate).toBe(first.certPem);
		await files.swap(second);
		await symlink('..data/tls.crt', files.certificateFile);
		await until('the new pair', () => seen.length > 0);
		expect(source.current().certificate).toBe(second.certPem);
	});

	test('a good pair after a bad one is taken', async () => {
		const { seen } = follow();
		await files.swap({ ...second, keyPem: 'nonsense' });
		await until('the refusal', () => refusals(/no PEM private key/).length > 0);
		await files.swap(second);
		await until('the new pair', () => seen.length > 0);
		expect(seen[0]?.certificate).toBe(second.certPem);
	});

	test('the same invalid pair is reported again after a valid one', async () => {
		follow();
		const bad = { ...second, keyPem: 'nonsense' };
		for (const n of [1, 2]) {
			await files.swap(bad);
			await until('the refusal', () => refusals(/no PEM private key/).length === n);
			await files.swap(first);
			await someLooks();
		}
	});

	test('files are not read after the end', async () => {
		const { source, seen } = follow();
		source.close();
		await files.swap(second);
		await someLooks();
		expect(seen).toEqual([]);
	});
});
