import { describe, expect, test } from '@jest/globals';
import { parse } from '../harness/wire.ts';
import { terminalPicture } from './terminal-picture.ts';

describe('a picture of a terminal', () => {
  test('has every word where it stood, in its colour', () => {
    const picture = terminalPicture(['a \x1b[32mgreen\x1b[0m end', '<b> & \x1b[1mbold\x1b[0m']);
    expect(picture).toContain('<text x="28" y="25" textLength="40" lengthAdjust="spacingAndGlyphs" fill="#98c379">green</text>');
    expect(picture).toContain('font-weight="bold">bold</text>');
    expect(picture).toContain('&lt;b&gt; &amp;');
    expect(() => parse(picture)).not.toThrow();
  });

  test('draws lines and blocks that meet', () => {
    const picture = terminalPicture(['┌─┐', '\x1b[97;40m█▀\x1b[0m']);
    expect(picture).not.toMatch(/[┌─┐█▀]/);
    // The corner reaches the line to its right: both end at x = 20.
    expect(picture).toContain('M16 20.5H20M16 20.5V29M20 20.5H28');
    expect(picture).toContain('fill="#000000"');
  });

  test('says so when there is a colour that it does not know', () => {
    expect(() => terminalPicture(['\x1b[35mx'])).toThrow('35');
  });
});
