import { existsSync } from 'node:fs';
import { onPath, runProcess } from './process.ts';

/** The Debian packages that tests make use of, and a program of each that tells whether it is there. */
const PACKAGES = {
	dash: 'dash',
	fish: 'fish',
	zsh: 'zsh',
	curl: 'curl',
	jq: 'jq',
	strace: 'strace',
	'busybox-static': 'busybox',
	containerd: 'containerd',
	runc: 'runc',
	'containernetworking-plugins': '/usr/lib/cni/bridge',
	iptables: 'iptables',
	catatonit: 'catatonit',
	buildah: 'buildah',
	'apache2-utils': 'htpasswd',
	'qemu-user-static': 'qemu-x86_64-static',
	chromium: 'chromium',
	'fonts-dejavu-core': '/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf',
	postgresql: '/usr/share/postgresql-common/pg_wrapper',
} as const;

/** The name of a package. */
export type DebianPackage = keyof typeof PACKAGES;

/** Those of `wanted` whose program is not on this machine, however it may have come there. */
function missingPackages(wanted: readonly DebianPackage[]): readonly DebianPackage[] {
	return wanted.filter((name) => {
		const program: string = PACKAGES[name];
		return !(program.startsWith('/') ? existsSync(program) : onPath(program));
	});
}

/**
 * Installs what is missing of `wanted` where that is possible (root, Debian or a relative), saying so.
 * Gives what is missing in the end.
 */
export async function ensurePackages(
	wanted: readonly DebianPackage[],
	say: (line: string) => void,
): Promise<readonly DebianPackage[]> {
	const missing = missingPackages(wanted);
	if (missing.length === 0) return missing;
	if (onPath('apt-get') === undefined || process.getuid?.() !== 0) {
		say(`Not installed, and only root on Debian can: ${missing.join(' ')}`);
		return missing;
	}
	say(`Installing Debian packages: ${missing.join(' ')}`);
	const lists = await aptGet('update');
	const problem = lists ?? (await aptGet('install', '--yes', '--no-install-recommends', ...missing));
	const still = missingPackages(wanted);
	if (still.length > 0) say(`Not installed: ${still.join(' ')}\n${problem ?? ''}`.trimEnd());
	return still;
}

/** Gives what it complained about, or undefined when all went well. */
async function aptGet(...args: readonly string[]): Promise<string | undefined> {
	const { code, stdout, stderr } = await runProcess({
		command: 'apt-get',
		// Another installation may be under way: wait for it.
		args: ['-o', 'DPkg::Lock::Timeout=300', '--quiet', ...args],
		env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
		timeoutMs: 900_000,
	});
	return code === 0 ? undefined : stdout + stderr;
}
