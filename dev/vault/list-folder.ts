import { absent, ok, type Reply } from './reply.ts';

/**
 * Answers a LIST: the names directly below `folder`, sorted by bytes. Sub-folders end in "/". An empty folder
 * is 404.
 *
 * @param folder '' or ending in "/"
 */
export function listFolder(paths: Iterable<string>, folder: string): Reply {
	const names = new Set<string>();
	for (const path of paths) {
		if (!path.startsWith(folder)) continue;
		const [name = '', ...deeper] = path.slice(folder.length).split('/');
		names.add(deeper.length === 0 ? name : `${name}/`);
	}
	if (names.size === 0) return absent;
	const keys = [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
	return ok({ keys });
}
