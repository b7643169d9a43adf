#!/usr/bin/python3
"""Runs d-feet itself, picks a bus name in its list as a click would, waits for the tree, asks for every property's value as a double click would,
and prints what the tree then shows: {object path: {interface: {"methods": […], "signals": […], "properties": {"name": "what is shown"}}}}.

Arguments: the bus name. The session bus and the display are those of the environment.
"""
import json
import sys

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import Gio, GLib, Gtk  # noqa: E402

from dfeet.application import DFeetApp  # noqa: E402
from dfeet.introspection_helper import DBusInterface, DBusNode, DBusProperty  # noqa: E402

CONTEXT = GLib.MainContext.default()


def wait(look, what):
    """Runs d-feet until `look` finds something. An error dialog of d-feet ends everything."""
    expired = []
    GLib.timeout_add(20_000, lambda: expired.append(True))
    while True:
        for window in Gtk.Window.list_toplevels():
            if isinstance(window, Gtk.MessageDialog) and window.is_visible():
                sys.exit(f"d-feet says: {window.get_property('text')}")
        found = look()
        if found:
            return found
        if expired:
            sys.exit(f"{what}: not within 20 s")
        CONTEXT.iteration(True)


def widgets(root):
    yield root
    if isinstance(root, Gtk.Container):
        for child in root.get_children():
            yield from widgets(child)


def rows(model, parent=None):
    row = model.iter_children(parent)
    while row is not None:
        yield row
        yield from rows(model, row)
        row = model.iter_next(row)


def tree_of(window):
    """The tree, once d-feet has shown all of it (its labels are filled in at the very end)."""
    trees = [widget for widget in widgets(window) if isinstance(widget, Gtk.TreeView) and widget.get_mapped()]
    spinners = [widget for widget in widgets(window) if isinstance(widget, Gtk.Spinner)]
    if trees and spinners and not any(spinner.get_property("active") for spinner in spinners):
        return trees[0]
    return None


def main():
    name = sys.argv[1]
    app = DFeetApp(package="d-feet", version="0", data_dir="/usr/share/d-feet")
    app.register(None)
    app.activate()
    window = wait(lambda: next((window for window in app.get_windows() if window.get_mapped()), None), "main window")
    window.stack.set_visible_child_name("Session Bus")

    def row_of_name():
        for widget in widgets(window.session_bus):
            if isinstance(widget, Gtk.ListBoxRow) and widget.get_children()[0].bus_name == name:
                return widget
        return None

    row = wait(row_of_name, name)
    row.get_parent().select_row(row)
    tree = wait(lambda: tree_of(window.session_bus), "tree")
    model = tree.get_model()
    shown = {}
    for it in rows(model):
        item = model.get_value(it, 1)
        # By exact type: an interface is a kind of node there, a property a kind of interface.
        if type(item) is DBusNode:
            shown[item.object_path] = {}
        elif type(item) is DBusInterface:
            info = item.iface_info
            shown[item.object_path][info.name] = {
                "methods": [method.name for method in info.methods], "signals": [signal.name for signal in info.signals], "properties": {}}
        elif type(item) is DBusProperty:
            tree.row_activated(model.get_path(it), tree.get_column(0))
            shown[item.object_path][item.iface_info.name]["properties"][item.property_info.name] = model.get_value(it, 0)
    print(json.dumps(shown))


main()
