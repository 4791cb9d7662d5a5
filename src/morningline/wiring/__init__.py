"""Where names become objects: settings, plug-ins, the open workspace, and each act by the words a user says."""
