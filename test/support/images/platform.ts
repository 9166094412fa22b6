/** The architectures that images are made for, by Go's names. */
export const ARCHITECTURES = ['amd64', 'arm64'] as const;

/** One of them. */
export type Architecture = (typeof ARCHITECTURES)[number];

/** This machine's own, undefined when images are not made for it. */
export function ownArchitecture(): Architecture | undefined {
	const names: Partial<Record<NodeJS.Architecture, Architecture>> = { x64: 'amd64', arm64: 'arm64' };
	return process.platform === 'linux' ? names[process.arch] : undefined;
}
