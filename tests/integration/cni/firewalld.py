#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A firewalld of zones and their sources only, on the bus of DBUS_SYSTEM_BUS_ADDRESS.

usage: firewalld.py FILE

Answers as firewalld 1.3 does, firewalld.dbus(5).  FILE has what there is, a
line "ZONE SOURCE" each; the service is there when FILE is.
"""
import sys

import dbus
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

NAME = "org.fedoraproject.FirewallD1"
INTERFACE = NAME + ".zone"
ZONES = ("trusted", "internal")


class Refused(dbus.DBusException):
    _dbus_error_name = NAME + ".Exception"


class Zones(dbus.service.Object):
    sources = {}

    def save(self):
        with open(sys.argv[1], "w") as f:
            f.writelines(f"{zone} {source}\n" for source, zone in sorted(self.sources.items()))

    def known(self, zone):
        if zone not in ZONES:
            raise Refused(f"INVALID_ZONE: {zone}")

    @dbus.service.method(INTERFACE, in_signature="ss", out_signature="s")
    def addSource(self, zone, source):
        self.known(zone)
        if source in self.sources:
            raise Refused(("ZONE_ALREADY_SET" if self.sources[source] == zone else "ZONE_CONFLICT") + f": '{source}'")
        self.sources[source] = zone
        self.save()
        return zone

    @dbus.service.method(INTERFACE, in_signature="ss", out_signature="s")
    def changeZoneOfSource(self, zone, source):
        self.known(zone)
        self.sources[source] = zone
        self.save()
        return zone

    @dbus.service.method(INTERFACE, in_signature="ss", out_signature="s")
    def removeSource(self, zone, source):
        self.known(zone)
        if source not in self.sources:
            raise Refused(f"UNKNOWN_SOURCE: {source}")
        if self.sources[source] != zone:
            raise Refused(f"ZONE_CONFLICT: '{source}'")
        del self.sources[source]
        self.save()
        return zone

    @dbus.service.method(INTERFACE, in_signature="ss", out_signature="b")
    def querySource(self, zone, source):
        self.known(zone)
        return self.sources.get(source) == zone


dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
bus = dbus.SystemBus()
name = dbus.service.BusName(NAME, bus)
zones = Zones(bus, "/org/fedoraproject/FirewallD1")
zones.save()
GLib.MainLoop().run()
