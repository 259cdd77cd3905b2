"""A live window and a picture of the map; the only importer of Open3D, in processes of its own."""
