import { byLine, NUL, tooLongForLinux } from './lines.ts';
import type { Render } from './rendering.ts';

/**
 * The kubelet reads lines with Go's bufio.Scanner (64 KiB with the newline). A longer line makes the whole
 * file unreadable.
 */
const MAX_LINE_BYTES = 65_535;

/**
 * `KEY='value'` as the kubelet reads it for `fileKeyRef` (KEP-3721, pkg/kubelet/util/env). Between single
 * quotes everything is literal. The kubelet cannot read a single quote there, and drops a carriage return
 * before a newline. An empty value stops the container with "key not found" (pkg/kubelet/kubelet_pods.go).
 */
export const renderNative: Render = byLine((entry) => {
	const { key, value } = entry;
	if (value === '')
		return { why: 'is empty, which the kubelet takes for missing: take it out of envtier.dev/env' };
	if (value.includes('\0')) return NUL;
	if (value.includes("'")) return { why: 'holds a single quote, which the kubelet’s env files can’t' };
	if (value.includes('\r\n'))
		return { why: 'holds a carriage return before a newline, which the kubelet drops from env files' };
	const line = `${key}='${value}'\n`;
	if (line.split('\n').some((part) => Buffer.byteLength(part) > MAX_LINE_BYTES))
		return { why: `holds a line over ${MAX_LINE_BYTES} bytes, which the kubelet’s env files can’t` };
	return tooLongForLinux(entry) ?? { line };
});
