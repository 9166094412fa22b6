import { byLine, NUL, tooLongForLinux } from './lines.ts';
import type { Render } from './rendering.ts';

/** The kubelet reads by lines (Go's bufio.Scanner, 64 KiB with the newline); one that is longer spoils the whole file. */
const MAX_LINE_BYTES = 65_535;

/**
 * `KEY='value'` as the kubelet reads it for `fileKeyRef` (KEP-3721, pkg/kubelet/util/env): between single quotes everything is
 * taken as it is, there is no way to write a single quote, and a return before a newline is lost. An empty value is an error of the
 * container there: "key not found" (pkg/kubelet/kubelet_pods.go).
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
