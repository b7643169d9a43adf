/** The XML parser under ours: saxes, made so that V8 can be quick about it. */
import { SaxesParser } from 'saxes';

/** What saxes keeps its handlers under. */
type Place =
  | 'xmldeclHandler' | 'doctypeHandler' | 'piHandler' | 'commentHandler' | 'openTagStartHandler' | 'attributeHandler' | 'openTagHandler' | 'closeTagHandler' | 'textHandler'
  | 'cdataHandler' | 'errorHandler';

/**
 * A parser with a place for every handler we set. `on` adds a property under a computed name, and V8 keeps an object to which that is done more than a few times as a
 * dictionary: whatever the parser does then takes five times as long.
 */
export class Saxes extends SaxesParser<{ xmlns: true; position: false }> {
  constructor() {
    super({ xmlns: true, position: false });
    // One by one, by name: a loop would do what `on` does.
    const places = this as unknown as Record<Place, undefined>;
    places.xmldeclHandler = undefined;
    places.doctypeHandler = undefined;
    places.piHandler = undefined;
    places.commentHandler = undefined;
    places.openTagStartHandler = undefined;
    places.attributeHandler = undefined;
    places.openTagHandler = undefined;
    places.closeTagHandler = undefined;
    places.textHandler = undefined;
    places.cdataHandler = undefined;
    places.errorHandler = undefined;
  }
}
