/** Less traffic while nobody looks. Connection.Interface.PowerSaving; XEP-0352 */
import { HushError } from '../../errors.ts';
import { ClientStateIndication } from '../../xmpp/xep0352-csi.ts';
import type { Feature } from '../feature.ts';

const POWER_SAVING = 'org.freedesktop.Telepathy.Connection.Interface.PowerSaving';

export const powerSaving: Feature = {
  interfaces: [POWER_SAVING],
  classes: [],
  attach({ client, connection }) {
    const indication = new ClientStateIndication(client);
    let isActive = false;
    connection.addInterface(POWER_SAVING, {
      methods: {
        SetPowerSaving: (call, activate) => {
          connection.requireConnected();
          if (!indication.isSupported) throw new HushError('not-implemented', 'the server cannot save power for us');
          if (activate === isActive) return;
          isActive = activate;
          indication.setClientActive(!activate);
          call.afterReply(() => connection.object.emit(POWER_SAVING, 'PowerSavingChanged', activate));
        },
      },
      properties: { PowerSavingActive: () => isActive },
    });
  },
};
