"""What a parser of another make reads: base64 documents on standard input, a line each; for each a line of JSON with the complete children of the root and where it found a fault."""
import base64
import json
import sys
from xml.parsers import expat

SEPARATOR = '\f'
LANG = 'http://www.w3.org/XML/1998/namespace' + SEPARATOR + 'lang'


def read(document):
    stanzas, stack = [], []

    def pair(name):
        return name.split(SEPARATOR) if SEPARATOR in name else ['', name]

    def start(name, attributes):
        own = {('xml:lang' if key == LANG else key): value for key, value in attributes.items() if SEPARATOR not in key or key == LANG}
        element = [*pair(name), sorted([key, value] for key, value in own.items()), []]
        if stack:
            stack[-1][3].append(element)
        stack.append(element)

    def end(name):
        element = stack.pop()
        if len(stack) == 1:
            stanzas.append(element)

    def text(data):
        content = stack[-1][3]
        if content and isinstance(content[-1], str):
            content[-1] += data
        else:
            content.append(data)

    parser = expat.ParserCreate('UTF-8', SEPARATOR)
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, text
    try:
        parser.Parse(document, False)
        return {'stanzas': stanzas}
    except expat.ExpatError as error:
        return {'stanzas': stanzas, 'error': str(error), 'at': parser.ErrorByteIndex}


for line in sys.stdin:
    print(json.dumps(read(base64.b64decode(line))))
