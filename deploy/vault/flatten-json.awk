# Prints each string, number and boolean of a JSON text on a line of its own, behind the path that leads to it:
# {"a": {"b": ["x", 2]}} gives `a.b "x"` and `a.b 2`. Elements of a list share its path; null is left out.
{ text = text $0 "\n" }

# The path of the value that comes next.
function place() {
	if (depth == 0 || kind[depth] == "[") return path[depth]
	return path[depth] == "" ? key[depth] : path[depth] "." key[depth]
}

END {
	depth = 0
	while (match(text, /^[ \t\r\n,:]*("([^"\\]|\\.)*"|[][{}]|[^][{}",: \t\r\n]+)/)) {
		token = substr(text, 1, RLENGTH)
		text = substr(text, RLENGTH + 1)
		sub(/^[ \t\r\n,:]*/, "", token)
		if (token == "{" || token == "[") {
			here = place()
			named[depth] = 0
			depth++
			kind[depth] = token
			path[depth] = here
			named[depth] = 0
		} else if (token == "}" || token == "]") {
			depth--
		} else if (kind[depth] == "{" && !named[depth]) {
			key[depth] = substr(token, 2, length(token) - 2)
			named[depth] = 1
		} else {
			if (token != "null") print place() " " token
			named[depth] = 0
		}
	}
}
