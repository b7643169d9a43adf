<?xml version="1.0" encoding="UTF-8"?>
<!-- What account dialogs call this kind of account. Telepathy wiki, service-profile-v1; the file is named after the id. -->
<service xmlns="http://telepathy.freedesktop.org/wiki/service-profile-v1" id="hush" type="IM" manager="hush" protocol="jabber" icon="im-jabber">
  <name>Jabber (hush)</name>
</service>
