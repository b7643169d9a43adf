/** Avatars. Connection.Interface.Avatars; XEP-0084, XEP-0153 */
import type { AvatarRequirements } from '../../telepathy/protocol-object.ts';

/** XEP-0153 §4.1, XEP-0084 §2: small square pictures. */
export const avatarRequirements: AvatarRequirements = {
  mimeTypes: ['image/png', 'image/jpeg', 'image/gif'],
  minimumWidth: 32,
  minimumHeight: 32,
  recommendedWidth: 64,
  recommendedHeight: 64,
  maximumWidth: 96,
  maximumHeight: 96,
  maximumBytes: 8192,
};
