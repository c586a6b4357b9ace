/** Text that has broken software before. */
export const naughty = [
  // Emoji of several code points: family, flags, skin tone, keycap, a pirate's flag.
  ...['👨‍👩‍👧‍👦', '🇩🇪🏴󠁧󠁢󠁳󠁣󠁴󠁿', '👍🏽', '1️⃣', '🏴‍☠️', '\u{1F9D1}\u{1F3FF}\u200D\u{1F680}'],
  // Right to left, and the marks that turn the direction.
  ...['שלום עולם', 'مرحبا بالعالم', 'a\u202Eb\u202Cc', '\u2067x\u2069', '\u200Fx'],
  // Combining marks, composed and decomposed: they are different texts and stay so.
  ...['é', 'e\u0301', 'Z\u0351\u036B\u0343\u036A\u0302', 'ﷺ', 'ﬀ', 'Å', 'Å', 'Ω', 'Ω'],
  ...['日本語', '한국어', '한국어', 'ภาษาไทย', 'ᚠᛇᚻ', '𝒯𝑒𝓍𝓉', '𠜎𠜱', 'ｆｕｌｌ'],
  ...["Robert'); DROP TABLE tasks;--", "' OR '1'='1", '"; SELECT pg_sleep(9); --', '$1 $$ \\'],
  ...['<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', '{{7*7}}', '\u0024{7*7}'],
  ...['%s%n', '../../etc/passwd', 'C:\\CON', '\\u0041', '\\', '"', "'", '`', '&amp;', '%00', '%'],
  ...['\\0', '/', 'null', 'undefined', 'NaN', 'true', '[]', '{}', '0', '-1', '1e309', '#{7*7}'],
  ...['[object Object]', '__proto__', 'constructor', 'hasOwnProperty', 'then'],
  ...['x\ty', 'x\ny', 'x\r\ny', 'x\u0085y', 'x\u2028y\u2029z', 'x\uFEFFy', 'x\u00AD', 'x\u3000y'],
  ...['x\u0001\u0002\u001Fx', 'x\u007Fx', 'x\u0080\u009Fx', '\uFFFD', '\uFFFE\uFFFF', 'x\u00A0y'],
  ...['\u200Bx', 'x\u200D', 'x\u180Ey', 'x\u{E0001}', '\u{10FFFF}', '\u{F0000}'],
  ...['ß', 'İstanbul', 'ı', 'ǅ', 'ﬁ', 'Σίσυφος', '²', '½', '٣', '𝟘', '™', '‽', '¿', '…', '“x”'],
  ...['a'.repeat(200), '😀'.repeat(200), 'e\u0301'.repeat(100), '\u0300'.repeat(200)],
]

/** Characters that cannot be seen, one or more of each kind. */
export const unseen = [
  ...['\u200B', '\u2800', '\u3164', '\u2060', '\u00AD', '\u200D', '\u200F', '\u202E', '\uFEFF'],
  ...['\u180E', '\u034F', '\u115F', '\u1160', '\uFFA0', '\uFE0F', '\u17B4', '\u061C', '\u206F'],
  ...['\u{E0001}', '\u{E0100}', '\u0001', '\u007F', '\u0085', '\u3000'],
]
