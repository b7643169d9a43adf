# An independent reader: what expat makes of XML streams. In: a base64 text a line. Out: a line of JSON each, the complete children of the root before the first error, and whether there was one.
# An element is [namespace, name, [[attribute, value], ...] without those of other namespaces, [content]].
import base64
import json
import sys
from xml.parsers import expat

# No XML text can hold it, so no namespace can.
SEPARATOR = '\x1f'
LANG = 'http://www.w3.org/XML/1998/namespace' + SEPARATOR + 'lang'


def pair(name):
    namespace, _, local = name.rpartition(SEPARATOR)
    return namespace, local


def read(data):
    stanzas = []
    stack = []

    def start(name, attributes):
        own = [['xml:lang' if key == LANG else key, value] for key, value in attributes.items() if SEPARATOR not in key or key == LANG]
        namespace, local = pair(name)
        element = [namespace, local, sorted(own), []]
        if len(stack) > 1:
            stack[-1][3].append(element)
        stack.append(element)

    def end(_name):
        element = stack.pop()
        if len(stack) == 1:
            stanzas.append(element)

    def text(more):
        if len(stack) < 2:
            return
        content = stack[-1][3]
        if content and isinstance(content[-1], str):
            content[-1] += more
        else:
            content.append(more)

    parser = expat.ParserCreate('UTF-8', SEPARATOR)
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    try:
        # A stream is never at its end: what is open stays open.
        parser.Parse(data, False)
    except expat.ExpatError:
        return {'stanzas': stanzas, 'isWellFormed': False}
    return {'stanzas': stanzas, 'isWellFormed': True}


for line in sys.stdin:
    print(json.dumps(read(base64.b64decode(line))))
