import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { V1Container, V1Pod, V1Volume } from '@kubernetes/client-node';
import { serviceAccountToken } from './token.ts';

/** Directories on this machine that stand for a pod's volumes. */
export interface Volumes {
	/** Replaces every mount path of `container` in `text` by the volume's directory on this machine. */
	onHost(container: V1Container, text: string): string;
	/** The reverse of `onHost`. */
	inPod(container: V1Container, text: string): string;
}

/** Makes the volumes of a pod below `dir`, as the kubelet would: empty directories, and a projected token. */
export async function makeVolumes(pod: V1Pod, dir: string): Promise<Volumes> {
	for (const volume of pod.spec?.volumes ?? []) {
		await mkdir(join(dir, volume.name), { mode: 0o700 });
		await fill(pod, volume, join(dir, volume.name));
	}
	const pairs = (container: V1Container): readonly (readonly [string, string])[] =>
		(container.volumeMounts ?? []).map(({ mountPath, name }) => [mountPath, join(dir, name)]);
	return {
		onHost: (container, text) =>
			pairs(container).reduce((changed, [inPod, onHost]) => replacePath(changed, inPod, onHost), text),
		inPod: (container, text) =>
			pairs(container).reduce((changed, [inPod, onHost]) => replacePath(changed, onHost, inPod), text),
	};
}

/**
 * Replaces a directory wherever a path in `text` begins with it. `/secrets` does not match `/run/secrets` or
 * `/secrets-2`.
 */
function replacePath(text: string, from: string, to: string): string {
	const escaped = from.replace(/[.+(){}$^|?*[\]\\]/g, '\\$&');
	return text.replace(new RegExp(`(?<![\\w./-])${escaped}(?![\\w.-])`, 'g'), () => to);
}

async function fill(pod: V1Pod, volume: V1Volume, dir: string): Promise<void> {
	for (const { serviceAccountToken: source } of volume.projected?.sources ?? []) {
		if (source === undefined) continue;
		const token = serviceAccountToken({
			namespace: pod.metadata?.namespace ?? 'default',
			serviceAccount: pod.spec?.serviceAccountName ?? 'default',
			audience: source.audience ?? '',
			seconds: source.expirationSeconds ?? 3600,
		});
		await writeFile(join(dir, source.path), token, { mode: 0o600 });
	}
}
